// SPDX-License-Identifier: GPL-2.0-only
//! What a start needs.

use std::fs;

use nix::unistd::geteuid;

use super::Check;
use crate::machine::Machine;
use crate::pins::PIN_DIR;
use crate::{cpus, machine, pins};

const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

const START_NEEDS_A_KERNEL: &str =
    "boot a kernel with CONFIG_SCHED_CLASS_EXT (6.16 or later; Debian's 6.12 lacks it)";

impl Machine {
    pub(super) fn check_sched_ext(&self) -> Check {
        const NAME: &str = "sched_ext";
        let release = self.release();
        if self.exists("/sys/kernel/sched_ext/state") {
            return Check::ok(NAME, format!("kernel {release} has it"));
        }
        let finding = format!("kernel {release} has no sched_ext");
        match self.config("CONFIG_SCHED_CLASS_EXT") {
            Some(true) => Check::missing(
                NAME,
                format!("{finding} in sysfs, though it was configured"),
                "mount sysfs on /sys, outside of a container",
            ),
            _ => Check::missing(NAME, finding, START_NEEDS_A_KERNEL),
        }
    }

    /// Such kernels refuse programs with a timer: it would fire where their
    /// locks may not be taken. Those of before 6.17 loaded it and complained.
    pub(super) fn check_preempt_rt(&self) -> Check {
        const NAME: &str = "PREEMPT_RT";
        let version = self.read("/proc/sys/kernel/version").unwrap_or_default();
        let named = version.split_whitespace().any(|word| word == "PREEMPT_RT");
        let patched = self.read("/sys/kernel/realtime").is_ok_and(|on| on == "1");
        if named || patched {
            return Check::missing(
                NAME,
                "this is a PREEMPT_RT kernel, which refuses the BPF timer that switches policies",
                "boot one without PREEMPT_RT",
            );
        }
        Check::ok(NAME, "no")
    }

    pub(super) fn check_privileges(&self) -> Check {
        const NAME: &str = "privileges";
        let status = self.read("/proc/self/status").unwrap_or_default();
        let effective = status
            .lines()
            .find_map(|line| line.strip_prefix("CapEff:"))
            .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
        let Some(effective) = effective else {
            return Check::unknown(NAME, "/proc/self/status does not tell capabilities");
        };
        let has = |cap: u32| effective & (1 << cap) != 0;
        if has(CAP_SYS_ADMIN) || has(CAP_BPF) && has(CAP_PERFMON) {
            return Check::ok(NAME, "this process may load BPF programs");
        }
        Check::missing(
            NAME,
            "no privilege to load a scheduler",
            "run it as root (in a container also with CAP_BPF and CAP_PERFMON)",
        )
    }

    pub(super) fn check_btf(&self) -> Check {
        const NAME: &str = "BTF";
        if self.exists("/sys/kernel/btf/vmlinux") {
            return Check::ok(NAME, "/sys/kernel/btf/vmlinux");
        }
        Check::missing(
            NAME,
            "no kernel type information in /sys/kernel/btf/vmlinux",
            "boot a kernel with CONFIG_DEBUG_INFO_BTF",
        )
    }

    pub(super) fn check_jit(&self) -> Check {
        const NAME: &str = "BPF JIT";
        match self.read("/proc/sys/net/core/bpf_jit_enable").as_deref() {
            Ok("0") => Check::missing(
                NAME,
                "the BPF JIT is off",
                "turn it on: sysctl -w net.core.bpf_jit_enable=1",
            ),
            Ok(value) => Check::ok(NAME, format!("net.core.bpf_jit_enable = {value}")),
            Err(_) => match self.config("CONFIG_BPF_JIT") {
                Some(true) => Check::ok(NAME, "CONFIG_BPF_JIT=y"),
                Some(false) => Check::missing(
                    NAME,
                    "the kernel has no BPF JIT",
                    "boot a kernel with CONFIG_BPF_JIT",
                ),
                None => Check::unknown(NAME, "net.core.bpf_jit_enable cannot be read here"),
            },
        }
    }

    pub(super) fn check_tracer(&self) -> Check {
        const NAME: &str = "function tracer";
        if self.exists("/proc/sys/kernel/ftrace_enabled") {
            return Check::ok(NAME, "CONFIG_FUNCTION_TRACER");
        }
        Check::missing(
            NAME,
            "the kernel has no function tracer, which the scx library attaches a probe with",
            "boot a kernel with CONFIG_FUNCTION_TRACER",
        )
    }

    pub(super) fn check_lockdown(&self) -> Check {
        const NAME: &str = "lockdown";
        match self.read("/sys/kernel/security/lockdown") {
            Ok(modes) if modes.contains("[confidentiality]") => Check::missing(
                NAME,
                "kernel lockdown is in confidentiality mode, which refuses BPF programs",
                "boot with lockdown=integrity or without lockdown",
            ),
            Ok(modes) => Check::ok(NAME, modes),
            Err(_) => Check::ok(NAME, "not in use"),
        }
    }

    pub(super) fn check_bpffs(&self) -> Check {
        const NAME: &str = "bpffs";
        let mounts = self.read("/proc/self/mounts").unwrap_or_default();
        let mounted = mounts.lines().any(|line| {
            let mut fields = line.split_whitespace().skip(1);
            fields.next() == Some("/sys/fs/bpf") && fields.next() == Some("bpf")
        });
        if mounted {
            return Check::ok(NAME, "mounted on /sys/fs/bpf");
        }
        Check::missing(
            NAME,
            "no bpffs on /sys/fs/bpf",
            "mount it: mount -t bpf -o mode=700 bpf /sys/fs/bpf",
        )
    }

    pub(super) fn check_pin_dir(&self) -> Check {
        const NAME: &str = "pin directory";
        let owned = |path: &str| fs::symlink_metadata(self.path(path)).map(Into::into);
        let Ok(parent) = owned(pins::BPFFS) else {
            return Check::unknown(NAME, format!("{} cannot be looked at", pins::BPFFS));
        };
        match pins::refuse_foreign(parent, owned(PIN_DIR).ok(), geteuid().as_raw()) {
            Ok(()) => Check::ok(NAME, PIN_DIR),
            Err(error) => {
                let error = error.to_string();
                let (finding, advice) = error.split_once(": ").unwrap_or((&error, ""));
                Check::missing(NAME, finding, advice)
            }
        }
    }

    pub(super) fn check_cpu_ids(&self) -> Check {
        const NAME: &str = "CPU ids";
        let ids = self
            .cpu_list("possible")
            .and_then(|cpus| cpus::nr_cpu_ids(&cpus));
        match ids {
            Ok(ids) => Check::ok(NAME, format!("{ids}")),
            Err(error) => Check::missing(
                NAME,
                format!("{error:#}"),
                "raise META_MAX_CPUS in include/abi.h and build again",
            ),
        }
    }

    pub(super) fn check_scheduler(&self) -> Check {
        const NAME: &str = "scheduler";
        match self.loaded_scheduler() {
            None => Check::ok(NAME, "the kernel's own is in charge"),
            Some(name) if machine::is_meta(&name) => {
                Check::ok(NAME, format!("{name} is in charge"))
            }
            Some(name) => Check::missing(
                NAME,
                format!("the sched_ext scheduler {name} is loaded"),
                self.how_to_stop(false),
            ),
        }
    }
}
