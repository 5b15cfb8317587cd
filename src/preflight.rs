// SPDX-License-Identifier: GPL-2.0-only
//! What the machine must offer before the program can load: one check a
//! property. The loader stops at the first that fails; `doctor` prints all, and
//! what else a person should know of this machine.

use std::fs;
use std::io;
use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::process::Command;

use anyhow::bail;
use anyhow::Context;
use anyhow::Result;
use nix::unistd::geteuid;

use crate::cpus;
use crate::memory;
use crate::memory::Room;
use crate::pins;
use crate::pins::PIN_DIR;
use crate::realtime;
use crate::void;
use crate::void::Void;

/// First part of the name in `root/ops`; scx_utils appends the version.
const OPS_NAME: &str = "meta";

const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// From here on the kernel gives tasks of sched_ext a part of each CPU that
/// real-time tasks have.
const RESERVES_TIME: [u32; 3] = [7, 0, 0];

/// From 7.1 up to the stable release that has the fix; 7.3 began with it.
const MOVE_OF_DEAD_EJECTS: Range<[u32; 3]> = [7, 1, 0]..[7, 2, 7];

const START_NEEDS_A_KERNEL: &str =
    "boot a kernel with CONFIG_SCHED_CLASS_EXT (6.16 or later; Debian's 6.12 lacks it)";

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It can start, and not all will be as one might expect.
    Note,
    /// Cannot be told from here; loading will show.
    Unknown,
    /// scx_meta cannot start like this.
    Missing,
}

/// One property of the machine.
#[derive(Debug)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What was found.
    pub finding: String,
    /// What to do about it; empty when there is nothing to do.
    pub advice: String,
}

impl Check {
    fn new(name: &'static str, verdict: Verdict, finding: impl Into<String>) -> Self {
        Self {
            name,
            verdict,
            finding: finding.into(),
            advice: String::new(),
        }
    }

    fn ok(name: &'static str, finding: impl Into<String>) -> Self {
        Self::new(name, Verdict::Ok, finding)
    }

    fn note(name: &'static str, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            advice: advice.into(),
            ..Self::new(name, Verdict::Note, finding)
        }
    }

    fn unknown(name: &'static str, finding: impl Into<String>) -> Self {
        Self::new(name, Verdict::Unknown, finding)
    }

    fn missing(name: &'static str, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            advice: advice.into(),
            ..Self::new(name, Verdict::Missing, finding)
        }
    }
}

/// The machine as procfs and sysfs show it, below a root that tests replace.
#[derive(Clone)]
pub struct Machine {
    root: PathBuf,
}

impl Default for Machine {
    fn default() -> Self {
        Self::at("/")
    }
}

impl Machine {
    /// The machine whose files lie below `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub(crate) fn path(&self, absolute: &str) -> PathBuf {
        self.root.join(absolute.trim_start_matches('/'))
    }

    pub(crate) fn read(&self, absolute: &str) -> io::Result<String> {
        fs::read_to_string(self.path(absolute)).map(|text| text.trim().to_owned())
    }

    fn exists(&self, absolute: &str) -> bool {
        self.path(absolute).exists()
    }

    /// CPU ids of a list below /sys/devices/system/cpu; no file is no CPU.
    pub fn cpu_list(&self, name: &str) -> Result<Vec<u32>> {
        let path = format!("/sys/devices/system/cpu/{name}");
        match self.read(&path) {
            Ok(text) => cpus::parse_list(&text).context(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error).context(path),
        }
    }

    /// `disabled`, `enabled`, `disabling` and so on; an error on a kernel without sched_ext.
    pub(crate) fn sched_ext_state(&self) -> io::Result<String> {
        self.read("/sys/kernel/sched_ext/state")
    }

    /// The ops name of the loaded sched_ext scheduler, if one is loaded.
    pub fn loaded_scheduler(&self) -> Option<String> {
        let state = self.sched_ext_state().ok()?;
        if state == "disabled" {
            return None;
        }
        let name = self.read("/sys/kernel/sched_ext/root/ops");
        Some(name.unwrap_or_else(|_| format!("a scheduler without a name ({state})")))
    }

    /// Whether the loaded scheduler is scx_meta.
    pub fn meta_is_loaded(&self) -> bool {
        self.loaded_scheduler().is_some_and(|name| is_meta(&name))
    }

    /// Where the cgroups are, if they are of version 2.
    pub(crate) fn cgroups(&self) -> Option<PathBuf> {
        let mounts = self.read("/proc/self/mounts").ok()?;
        let mount = mounts.lines().find_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let place = fields.next()?;
            (fields.next() == Some("cgroup2")).then_some(place)
        });
        Some(self.path(mount?))
    }

    /// All checks of what a start needs, the most telling first.
    pub fn checks(&self) -> Vec<Check> {
        vec![
            self.check_sched_ext(),
            self.check_preempt_rt(),
            self.check_privileges(),
            self.check_btf(),
            self.check_jit(),
            self.check_tracer(),
            self.check_lockdown(),
            self.check_bpffs(),
            self.check_pin_dir(),
            self.check_cpu_ids(),
            self.check_scheduler(),
        ]
    }

    /// What a start does not wait for.
    fn remarks(&self) -> Vec<Check> {
        vec![
            self.remark_void(),
            self.remark_real_time(),
            self.remark_dying_tasks(),
            self.remark_memory(),
        ]
    }

    /// Fails with one line when the program cannot be loaded here.
    pub fn require_all(&self) -> Result<()> {
        for check in self.checks() {
            if check.verdict == Verdict::Missing {
                bail!("{}: {}", check.finding, check.advice);
            }
        }
        if self.meta_is_loaded() {
            bail!("already running: {}", self.how_to_stop(true));
        }
        Ok(())
    }

    fn check_sched_ext(&self) -> Check {
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
    fn check_preempt_rt(&self) -> Check {
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

    fn check_privileges(&self) -> Check {
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

    fn check_btf(&self) -> Check {
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

    fn check_jit(&self) -> Check {
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

    fn check_tracer(&self) -> Check {
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

    fn check_lockdown(&self) -> Check {
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

    fn check_bpffs(&self) -> Check {
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

    fn check_pin_dir(&self) -> Check {
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

    fn check_cpu_ids(&self) -> Check {
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

    fn check_scheduler(&self) -> Check {
        const NAME: &str = "scheduler";
        match self.loaded_scheduler() {
            None => Check::ok(NAME, "the kernel's own is in charge"),
            Some(name) if is_meta(&name) => Check::ok(NAME, format!("{name} is in charge")),
            Some(name) => Check::missing(
                NAME,
                format!("the sched_ext scheduler {name} is loaded"),
                self.how_to_stop(false),
            ),
        }
    }

    fn remark_void(&self) -> Check {
        const NAME: &str = "cgroups";
        match Void::find(self).describe() {
            None => Check::ok(NAME, "none has a setting that is void under scx_meta"),
            Some(found) => Check::note(NAME, format!("{}: {found}", void::void_of_all()), ""),
        }
    }

    fn remark_real_time(&self) -> Check {
        const NAME: &str = "real-time tasks";
        if self
            .version()
            .is_some_and(|version| version >= RESERVES_TIME)
        {
            return Check::ok(NAME, "the kernel reserves time for others beside them");
        }
        match realtime::describe(self) {
            None => Check::ok(NAME, "none"),
            Some(found) => Check::note(
                NAME,
                format!(
                    "{found}: if one does not sleep for as long as --watchdog, tasks bound to its \
                     CPU do not run and the kernel ejects scx_meta"
                ),
                "Linux 7.0 and later reserve time for them",
            ),
        }
    }

    /// cca061dccf56, "sched_ext: Fix spurious aborts in scx_bpf_dsq_move() on
    /// ownership change races".
    fn remark_dying_tasks(&self) -> Check {
        const NAME: &str = "known faults";
        match self.version() {
            Some(version) if MOVE_OF_DEAD_EJECTS.contains(&version) => Check::note(
                NAME,
                format!(
                    "kernel {} ejects scx_meta when a task ends in the instant in which it is \
                     moved to another queue",
                    self.release()
                ),
                "7.2.7 and later do not; --handover drain, and no weight for rustland and central, avoid it",
            ),
            _ => Check::ok(NAME, "none of this kernel"),
        }
    }

    fn remark_memory(&self) -> Check {
        const NAME: &str = "memory";
        let loaded = self.meta_is_loaded();
        let holder = self.scheduler_pid().filter(|_| loaded);
        let process = holder.map_or("self".to_owned(), |pid| pid.to_string());
        let cgroups = self.read(&format!("/proc/{process}/cgroup"));
        let cgroups = cgroups.unwrap_or_default();
        let cgroup = cgroups.lines().find_map(|line| line.strip_prefix("0::"));
        match cgroup.and_then(|cgroup| memory::room(self, cgroup, holder.is_some())) {
            None => Check::unknown(NAME, "the loader's cgroup cannot be looked at"),
            Some(Room::Enough(found)) => Check::ok(NAME, found),
            Some(Room::Tight(found)) => Check::note(
                NAME,
                format!("the loader's cgroup pays for every task of the machine: {found}"),
                "forks fail everywhere when it is full; start scx_meta where there is no limit",
            ),
        }
    }

    /// How to start what is loaded again.
    pub(crate) fn how_to_restart(&self) -> String {
        let Some(pid) = self.scheduler_pid() else {
            return "stop it and start it again".into();
        };
        match self.unit_of(pid) {
            Some(unit) => format!("systemctl restart {unit}"),
            None => format!("kill {pid}, and start it again"),
        }
    }

    fn unit_of(&self, pid: u32) -> Option<String> {
        let cgroup = self.read(&format!("/proc/{pid}/cgroup")).ok()?;
        let unit = cgroup.rsplit('/').find(|part| part.ends_with(".service"));
        unit.map(str::to_owned)
    }

    /// How to stop what is loaded, from the process that holds it.
    fn how_to_stop(&self, meta: bool) -> String {
        let by_hand = "systemctl stop scx.service, or scxctl stop (scx_loader), or stop the \
                       process that was started by hand";
        let Some(pid) = self.scheduler_pid() else {
            return format!("stop it first: {by_hand}");
        };
        let name = self.read(&format!("/proc/{pid}/comm")).unwrap_or_default();
        let cgroup = self
            .read(&format!("/proc/{pid}/cgroup"))
            .unwrap_or_default();
        let process = format!("process {pid}, {name}");
        if cgroup.contains("scx_loader") {
            return format!("stop it first: scxctl stop (scx_loader started {process})");
        }
        if let Some(unit) = self.unit_of(pid) {
            if meta || unit.starts_with("scx") {
                return format!("stop it first: systemctl stop {unit} ({process})");
            }
        }
        format!("stop it first: kill {pid} ({name})")
    }

    /// A process that holds a struct_ops link: most likely the scheduler's.
    fn scheduler_pid(&self) -> Option<u32> {
        let mut holders: Vec<u32> = fs::read_dir(self.path("/proc"))
            .ok()?
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|pid| self.holds_struct_ops(*pid))
            .collect();
        holders.sort_by_key(|pid| {
            let comm = self.read(&format!("/proc/{pid}/comm")).unwrap_or_default();
            !comm.starts_with("scx")
        });
        holders.first().copied()
    }

    /// A thread may have descriptors of its own, as ours that holds the link has.
    fn holds_struct_ops(&self, pid: u32) -> bool {
        let files = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
        let is_link = |info: PathBuf| {
            fs::read_to_string(info).is_ok_and(|text| text.contains("link_type:\tstruct_ops"))
        };
        files(self.path(&format!("/proc/{pid}/task")))
            .flat_map(|thread| files(thread.path().join("fdinfo")))
            .any(|info| is_link(info.path()))
    }

    fn release(&self) -> String {
        self.read("/proc/sys/kernel/osrelease")
            .unwrap_or_else(|_| "of unknown release".into())
    }

    /// `6.18.15+deb13-cloud-amd64` → 6, 18, 15.
    fn version(&self) -> Option<[u32; 3]> {
        let release = self.release();
        let mut numbers = release
            .split(|c: char| !c.is_ascii_digit())
            .map(|number| number.parse().ok());
        let (major, minor) = (numbers.next()??, numbers.next()??);
        Some([major, minor, numbers.next().flatten().unwrap_or(0)])
    }

    /// Whether a kernel option is set; None when no configuration is at hand.
    fn config(&self, option: &str) -> Option<bool> {
        let text = self
            .read(&format!("/boot/config-{}", self.release()))
            .ok()
            .or_else(|| self.config_gz())?;
        let set = |line: &str| {
            let rest = line.strip_prefix(option);
            matches!(rest, Some("=y" | "=m"))
        };
        Some(text.lines().any(set))
    }

    fn config_gz(&self) -> Option<String> {
        let path = self.path("/proc/config.gz");
        if !path.exists() {
            return None;
        }
        let run = Command::new("zcat").arg(path).output().ok()?;
        run.status
            .success()
            .then(|| String::from_utf8_lossy(&run.stdout).into_owned())
    }
}

fn is_meta(ops_name: &str) -> bool {
    let rest = ops_name.strip_prefix(OPS_NAME);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// Prints every check; tells whether scx_meta could start.
pub fn doctor(machine: &Machine, out: &mut impl Write) -> Result<bool> {
    let mut checks = machine.checks();
    checks.extend(machine.remarks());
    for check in &checks {
        let verdict = match check.verdict {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Unknown => "?",
            Verdict::Missing => "MISSING",
        };
        write!(out, "{verdict:<8} {:<16} {}", check.name, check.finding)?;
        if !check.advice.is_empty() {
            write!(out, ": {}", check.advice)?;
        }
        writeln!(out)?;
    }
    Ok(checks.iter().all(|check| check.verdict != Verdict::Missing))
}

#[cfg(test)]
pub(crate) mod fake {
    use super::*;

    /// The root of a machine whose files a test writes.
    pub(crate) struct Root(tempfile::TempDir);

    impl Root {
        pub(crate) fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        /// One whose cgroups are where they use to be.
        pub(crate) fn with_cgroups() -> Self {
            let root = Self::new();
            let mounts = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n";
            root.write("/proc/self/mounts", mounts);
            root
        }

        pub(crate) fn write(&self, path: &str, text: &str) {
            let path = self.machine().path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        pub(crate) fn machine(&self) -> Machine {
            Machine::at(self.0.path())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Fake(fake::Root);

    impl Fake {
        /// A machine on which scx_meta can start.
        fn good() -> Self {
            let fake = Self(fake::Root::new());
            fake.write("/proc/sys/kernel/osrelease", "6.18.1\n")
                .write("/proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n")
                .write("/proc/self/mounts", "bpf /sys/fs/bpf bpf rw 0 0\n")
                .write("/proc/sys/net/core/bpf_jit_enable", "1\n")
                .write("/proc/sys/kernel/ftrace_enabled", "1\n")
                .write("/sys/kernel/btf/vmlinux", "")
                .write("/sys/kernel/sched_ext/state", "disabled\n")
                .write("/sys/devices/system/cpu/possible", "0-3\n");
            fake
        }

        fn write(&self, path: &str, text: &str) -> &Self {
            self.0.write(path, text);
            self
        }

        fn remove(&self, path: &str) -> &Self {
            fs::remove_file(self.machine().path(path)).unwrap();
            self
        }

        fn machine(&self) -> Machine {
            self.0.machine()
        }

        fn error(&self) -> String {
            let error = self.machine().require_all().unwrap_err().to_string();
            assert_eq!(error.lines().count(), 1, "{error}");
            error
        }

        fn loaded(&self, name: &str) -> &Self {
            self.write("/sys/kernel/sched_ext/state", "enabled\n")
                .write("/sys/kernel/sched_ext/root/ops", name)
        }

        fn holder(&self, comm: &str, cgroup: &str) -> &Self {
            self.write(
                "/proc/77/task/78/fdinfo/5",
                "pos:\t0\nlink_type:\tstruct_ops\n",
            )
            .write("/proc/77/comm", comm)
            .write("/proc/77/cgroup", cgroup)
        }
    }

    #[test]
    fn a_good_machine_passes() {
        let fake = Fake::good();
        fake.machine().require_all().unwrap();
        assert!(doctor(&fake.machine(), &mut Vec::new()).unwrap());
    }

    #[test]
    fn a_kernel_without_sched_ext_is_named() {
        let fake = Fake::good();
        fake.remove("/sys/kernel/sched_ext/state");
        let error = fake.error();
        assert!(error.contains("kernel 6.18.1 has no sched_ext"), "{error}");
    }

    #[test]
    fn a_user_without_privileges_is_told() {
        let fake = Fake::good();
        fake.write("/proc/self/status", "CapEff:\t0000000000000000\n");
        assert!(fake.error().contains("run it as root"));
        fake.write("/proc/self/status", "CapEff:\t000000c000000000\n");
        fake.machine().require_all().unwrap();
    }

    #[test]
    fn a_missing_bpffs_comes_with_the_command() {
        let fake = Fake::good();
        fake.write("/proc/self/mounts", "sysfs /sys sysfs rw 0 0\n");
        assert!(fake
            .error()
            .contains("mount -t bpf -o mode=700 bpf /sys/fs/bpf"));
    }

    #[test]
    fn each_other_need_is_checked() {
        for (path, text, expected) in [
            ("/proc/sys/net/core/bpf_jit_enable", "0", "bpf_jit_enable=1"),
            (
                "/sys/kernel/security/lockdown",
                "none integrity [confidentiality]",
                "lockdown=integrity",
            ),
            (
                "/sys/devices/system/cpu/possible",
                "0-2047",
                "META_MAX_CPUS",
            ),
        ] {
            let fake = Fake::good();
            fake.write(path, text);
            let error = fake.error();
            assert!(error.contains(expected), "{path}: {error}");
        }
        for path in ["/sys/kernel/btf/vmlinux", "/proc/sys/kernel/ftrace_enabled"] {
            let fake = Fake::good();
            fake.remove(path);
            assert!(fake.error().contains("boot a kernel with"), "{path}");
        }
    }

    #[test]
    fn another_scheduler_is_named_with_the_way_to_stop_it() {
        let fake = Fake::good();
        fake.loaded("bpfland_1.0_x86\n");
        let error = fake.error();
        for part in ["bpfland_1.0_x86", "scx.service", "scxctl stop", "by hand"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        fake.holder("scx_bpfland\n", "0::/system.slice/scx.service\n");
        assert!(fake.error().contains("systemctl stop scx.service"));
        fake.holder("scx_bpfland\n", "0::/system.slice/scx_loader.service\n");
        assert!(fake.error().contains("scxctl stop"));
        fake.holder("scx_bpfland\n", "0::/user.slice/session-1.scope\n");
        assert!(fake.error().contains("kill 77 (scx_bpfland)"));
    }

    #[test]
    fn a_second_scx_meta_is_refused_but_fine_for_doctor() {
        let fake = Fake::good();
        fake.loaded("meta_0.1.0_x86\n");
        assert!(fake.error().contains("already running"));
        assert!(doctor(&fake.machine(), &mut Vec::new()).unwrap());
        fake.loaded("metabolic\n");
        assert!(fake.error().contains("metabolic"));
    }

    #[test]
    fn doctor_prints_a_line_a_check_and_finds_what_is_missing() {
        let fake = Fake::good();
        fake.remove("/sys/kernel/btf/vmlinux");
        let mut out = Vec::new();
        assert!(!doctor(&fake.machine(), &mut out).unwrap());
        let text = String::from_utf8(out).unwrap();
        let machine = fake.machine();
        let lines = machine.checks().len() + machine.remarks().len();
        assert_eq!(text.lines().count(), lines);
        assert!(text.contains("MISSING  BTF"), "{text}");
    }

    fn doctor_says(fake: &Fake) -> String {
        let mut out = Vec::new();
        assert!(doctor(&fake.machine(), &mut out).unwrap());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_preempt_rt_kernel_is_refused() {
        let fake = Fake::good();
        let version = "/proc/sys/kernel/version";
        fake.write(version, "#1 SMP PREEMPT_DYNAMIC Debian 6.18.1-1\n");
        fake.machine().require_all().unwrap();
        fake.write(version, "#1 SMP PREEMPT_RT Debian 6.18.1-1\n");
        assert!(fake.error().contains("PREEMPT_RT kernel"));
        fake.remove(version).write("/sys/kernel/realtime", "1\n");
        assert!(fake.error().contains("PREEMPT_RT kernel"));
    }

    #[test]
    fn a_pin_directory_that_others_can_take_away_is_refused() {
        let fake = Fake::good();
        fake.write("/sys/fs/bpf/scx_meta/weights", "");
        fake.machine().require_all().unwrap();
        let bpffs = fake.machine().path("/sys/fs/bpf");
        fs::set_permissions(bpffs, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(fake.error().ends_with(": chmod 700 /sys/fs/bpf"));
    }

    #[test]
    fn what_is_void_is_a_note_and_no_refusal() {
        let fake = Fake::good();
        fake.write(
            "/proc/self/mounts",
            "bpf /sys/fs/bpf bpf rw 0 0\ncg /sys/fs/cgroup cgroup2 rw 0 0\n",
        )
        .write("/sys/fs/cgroup/a.slice/cpu.max", "1000 100000\n");
        let said = doctor_says(&fake);
        let note = said.lines().find(|line| line.starts_with("note")).unwrap();
        assert!(note.ends_with("/a.slice (cpu.max 1000 100000)"), "{note}");
        fake.machine().require_all().unwrap();
    }

    #[test]
    fn real_time_tasks_are_noted_where_nothing_reserves_time_beside_them() {
        let fake = Fake::good();
        let stat =
            "7 (jackd) S 1 7 7 0 -1 4194560 117 0 0 0 0 0 0 0 -11 0 1 0 55 3194880 224 0 1 1 \
                    0 0 0 0 0 4096 0 0 0 0 17 0 10 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
        fake.write("/proc/7/task/7/stat", stat);
        assert!(doctor_says(&fake).contains("jackd 7 (SCHED_FIFO 10): if one does not sleep"));
        fake.write("/proc/sys/kernel/osrelease", "7.0.4+deb13-amd64\n");
        assert!(!doctor_says(&fake).contains("jackd"));
    }

    #[test]
    fn kernels_that_eject_for_a_dying_task_are_named() {
        let fake = Fake::good();
        for (release, named) in [
            ("6.18.1", false),
            ("7.0.13+deb13-amd64", false),
            ("7.1.0-rc1", true),
            ("7.1.13+deb13-amd64", true),
            ("7.2.6", true),
            ("7.2.7", false),
            ("7.3.0", false),
        ] {
            fake.write("/proc/sys/kernel/osrelease", release);
            let said = doctor_says(&fake);
            assert_eq!(
                said.contains("a task ends in the instant"),
                named,
                "{release}"
            );
        }
    }

    #[test]
    fn a_cgroup_without_room_for_the_tasks_of_the_machine_is_noted() {
        let fake = Fake::good();
        fake.write(
            "/proc/self/mounts",
            "bpf /sys/fs/bpf bpf rw 0 0\ncg /sys/fs/cgroup cgroup2 rw 0 0\n",
        )
        .write("/proc/self/cgroup", "0::/small\n")
        .write("/proc/77/cgroup", "0::/small\n")
        .write("/proc/loadavg", "0.1 0.2 0.3 1/1000 5\n")
        .write("/proc/sys/kernel/pid_max", "32768\n")
        .write("/proc/sys/kernel/threads-max", "60000\n")
        .write("/sys/fs/cgroup/small/memory.max", "20000000\n")
        .write("/sys/fs/cgroup/small/memory.current", "0\n");
        assert!(doctor_says(&fake).contains("scx_meta with the 1000 tasks of now costs"));
        fake.loaded("meta_0.1.0\n")
            .holder("scx_meta", "0::/small\n");
        assert!(doctor_says(&fake).contains("the 32768 tasks that may exist would cost"));
    }

    #[test]
    fn what_is_loaded_is_restarted_by_its_unit_or_by_hand() {
        let fake = Fake::good();
        fake.holder("scx_meta\n", "0::/system.slice/scx_meta.service\n");
        assert_eq!(
            fake.machine().how_to_restart(),
            "systemctl restart scx_meta.service"
        );
        fake.holder("scx_meta\n", "0::/user.slice/session-1.scope\n");
        assert_eq!(
            fake.machine().how_to_restart(),
            "kill 77, and start it again"
        );
    }
}
