// SPDX-License-Identifier: GPL-2.0-only
//! The checks on machines whose files a test writes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::machine::fake;

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
    let stat = "7 (jackd) S 1 7 7 0 -1 4194560 117 0 0 0 0 0 0 0 -11 0 1 0 55 3194880 224 0 1 1 \
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
