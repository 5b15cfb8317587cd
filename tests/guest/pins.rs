// SPDX-License-Identifier: GPL-2.0-only
//! The pin directory: one that somebody else made or could take away is not used, and one that
//! went away is said to be.

use std::fs::Permissions;
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::{fs, io};

use labkit::{scx, shared};

use crate::cgroups::Cgroup;
use crate::maps::PIN_DIR;
use crate::scheduler::{self, Scheduler};

const BPFFS: &str = "/sys/fs/bpf";
const NOBODY: u32 = 65534;

/// Whoever may write here may make the directory. Undone at the end.
struct Bpffs {
    mode: u32,
    _lock: shared::Lock,
}

impl Bpffs {
    /// A machine without a scx_meta, on which everybody may write to bpffs.
    fn with_mode(mode: u32) -> Self {
        let lock = shared::lock().unwrap();
        shared::end().unwrap();
        // One that was killed leaves its pins.
        if Path::new(PIN_DIR).exists() {
            fs::remove_dir_all(PIN_DIR).unwrap();
        }
        let before = fs::metadata(BPFFS).unwrap().mode();
        let bpffs = Self {
            mode: before & 0o7777,
            _lock: lock,
        };
        bpffs.set_mode(mode);
        bpffs
    }

    fn set_mode(&self, mode: u32) {
        fs::set_permissions(BPFFS, Permissions::from_mode(mode)).unwrap();
    }
}

impl Drop for Bpffs {
    fn drop(&mut self) {
        let removed = match fs::symlink_metadata(PIN_DIR) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(PIN_DIR),
            Ok(_) => fs::remove_file(PIN_DIR),
            Err(_) => Ok(()),
        };
        self.set_mode(self.mode);
        if let Err(error) = removed {
            eprintln!("{PIN_DIR}: {error}");
        }
    }
}

fn nobody_makes_it(mode: &str) {
    let mut mkdir = Command::new("mkdir");
    mkdir.args(["-m", mode, PIN_DIR]).uid(NOBODY).gid(NOBODY);
    assert!(mkdir.status().unwrap().success());
}

/// A process that holds the lock of the directory until it is dropped.
struct Flock(Child);

impl Flock {
    fn by(uid: u32) -> Self {
        let hook = || {
            // SAFETY: the path ends in a null byte; open and flock may be called after a fork.
            let locked = unsafe {
                let dir = libc::open(c"/sys/fs/bpf/scx_meta".as_ptr(), libc::O_RDONLY);
                libc::flock(dir, libc::LOCK_EX | libc::LOCK_NB)
            };
            match locked {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        };
        let mut command = Command::new("sleep");
        command.arg("100").uid(uid).gid(uid);
        // SAFETY: the hook makes two plain system calls.
        unsafe { command.pre_exec(hook) };
        Self(command.spawn().unwrap())
    }
}

impl Drop for Flock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a start says, which fails before anything is loaded.
fn refusal(args: &[&str]) -> String {
    let output = scheduler::run(args);
    let said = String::from_utf8(output.stderr).unwrap();
    println!("scx_meta {}: {said}", args.join(" "));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(scx::state().unwrap(), "disabled");
    said
}

const START: [&str; 4] = ["--policies", "fifo", "--seconds", "1"];

#[test]
fn a_pin_directory_of_somebody_else_is_not_used() {
    let _bpffs = Bpffs::with_mode(0o1777);
    for mode in ["700", "777"] {
        nobody_makes_it(mode);
        let lock = Flock::by(NOBODY);
        for args in [
            &START[..],
            &["status"],
            &["set", "fifo=2"],
            &["pin", "fifo"],
        ] {
            let said = refusal(args);
            assert!(said.contains("belongs to user 65534"), "{said}");
            assert!(said.contains(&format!("rm -r {PIN_DIR}")), "{said}");
        }
        let doctor = scheduler::run(&["doctor"]);
        let report = String::from_utf8(doctor.stdout).unwrap();
        assert!(!doctor.status.success(), "{report}");
        assert!(report.contains("MISSING  pin directory"), "{report}");
        drop(lock);
        assert_eq!(fs::metadata(PIN_DIR).unwrap().uid(), NOBODY);
        assert_eq!(fs::read_dir(PIN_DIR).unwrap().count(), 0);
        fs::remove_dir(PIN_DIR).unwrap();
    }
}

#[test]
fn what_others_could_put_in_the_place_of_the_pin_directory_is_not_used() {
    let bpffs = Bpffs::with_mode(0o1777);
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), PIN_DIR).unwrap();
    assert!(refusal(&START).contains("is no directory"));
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    fs::remove_file(PIN_DIR).unwrap();

    bpffs.set_mode(0o777);
    assert!(refusal(&START).contains("other users may rename"));
    assert!(!Path::new(PIN_DIR).exists());
    fs::create_dir(PIN_DIR).unwrap();
    assert!(refusal(&START).contains("other users may rename"));
}

#[test]
fn a_process_that_holds_the_lock_is_named() {
    let _bpffs = Bpffs::with_mode(0o700);
    fs::create_dir(PIN_DIR).unwrap();
    let lock = Flock::by(0);
    let said = refusal(&START);
    assert!(
        said.contains(&format!("process {} (", lock.0.id())),
        "{said}"
    );
    assert!(said.contains("holds the lock of"), "{said}");
}

/// Also: what has no effect is said at the start, which takes long enough to be used twice.
#[test]
fn status_and_set_say_that_the_pins_are_gone_while_it_runs() {
    let limited = Cgroup::create("meta_limited");
    limited.write("cpu.max", "50000 100000");
    let mut scheduler = Scheduler::start(&["--policies", "fifo,vtime"]);
    scheduler.await_said("no effect under scx_meta: /meta_limited (cpu.max 50000 100000)");

    for pin in fs::read_dir(PIN_DIR).unwrap() {
        fs::remove_file(pin.unwrap().path()).unwrap();
    }
    let told = |part: &str| {
        for args in [&["status"][..], &["set", "fifo=2"], &["unpin"]] {
            let output = scheduler::run(args);
            let said = String::from_utf8(output.stderr).unwrap();
            println!("{said}");
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
            let restart = format!("kill {}, and start it again", scheduler.pid());
            for part in ["scx_meta runs", part, &restart] {
                assert!(said.contains(part), "{part}: {said}");
            }
        }
    };
    told("/sys/fs/bpf/scx_meta/weights cannot be opened");
    fs::remove_dir(PIN_DIR).unwrap();
    told("/sys/fs/bpf/scx_meta is gone");
    scheduler.assert_healthy();
}
