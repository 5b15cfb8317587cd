// SPDX-License-Identifier: GPL-2.0-only
//! A running scx_meta. It is killed when the guard is dropped; a test that
//! got to its end calls stop(), which also demands that all went well.

use std::env;
use std::fs;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;

use scx_meta::policy::Policy;
use serde_json::Value;

use crate::clock::wait_for;
use crate::kmsg::Kmsg;
use crate::maps::Maps;
use crate::maps::PIN_DIR;

const SYSFS: &str = "/sys/kernel/sched_ext";

/// Loading took 60 s beside four busy tasks, emulated. Only a hang takes longer.
const START_LIMIT: Duration = Duration::from_secs(240);
const STOP_LIMIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

pub struct Scheduler {
    child: Child,
    log: PathBuf,
    kmsg: Kmsg,
    maps: Maps,
}

fn binary() -> PathBuf {
    let path = env::var_os("SCX_META_BIN").expect("SCX_META_BIN names the loader");
    PathBuf::from(path)
}

fn read_sysfs(name: &str) -> String {
    fs::read_to_string(format!("{SYSFS}/{name}"))
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// What the kernel says: enabled, disabled, or on the way.
pub fn state() -> String {
    read_sysfs("state")
}

/// Schedulers enabled since boot.
pub fn enable_seq() -> u64 {
    read_sysfs("enable_seq").parse().unwrap()
}

/// How often the kernel bypassed the scheduler; None before 6.18.
pub fn bypass_activations() -> Option<u64> {
    let events = fs::read_to_string(format!("{SYSFS}/root/events")).ok()?;
    events.lines().find_map(|line| {
        let count = line.strip_prefix("SCX_EV_BYPASS_ACTIVATE ")?;
        Some(count.trim().parse().unwrap())
    })
}

/// Runs scx_meta to its end.
pub fn run(args: &[&str]) -> Output {
    Command::new(binary())
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Every policy of the table takes turns, with equal weights.
pub fn all_equal() -> String {
    let weights: Vec<String> = Policy::all().map(|policy| format!("{policy}=1")).collect();
    weights.join(",")
}

impl Scheduler {
    /// Starts the loader and waits until the kernel has enabled the program
    /// and its maps are pinned.
    pub fn start(args: &[&str]) -> Self {
        assert_eq!(state(), "disabled", "another test left a scheduler");
        let mut kmsg = Kmsg::since_now();
        let log = env::temp_dir().join("scx_meta.log");
        let out = File::create(&log).unwrap();
        let mut child = Command::new(binary())
            .args(args)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        let mut maps = None;
        let ready = wait_for(START_LIMIT, LOOK, || {
            if state() == "enabled" {
                maps = Maps::open();
            }
            maps.is_some() || child.try_wait().unwrap().is_some()
        });
        let Some(maps) = maps else {
            let _ = child.kill();
            let status = child.wait().unwrap();
            panic!(
                "scx_meta {args:?} did not start ({status}, waited long enough: {}):\n{}\n{}",
                !ready,
                fs::read_to_string(&log).unwrap(),
                kmsg.complaints().concat()
            );
        };
        Self {
            child,
            log,
            kmsg,
            maps,
        }
    }

    pub fn maps(&self) -> &Maps {
        &self.maps
    }

    /// `scx_meta status --json`.
    pub fn status_json(&self) -> Value {
        let output = run(&["status", "--json"]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The program is still in charge and the kernel has not complained.
    pub fn assert_healthy(&mut self) {
        let complaints = self.kmsg.complaints();
        assert!(
            complaints.is_empty() && state() == "enabled",
            "state {}:\n{}\n{}",
            state(),
            complaints.concat(),
            self.said()
        );
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops the loader, all its threads, where they are; the kernel's part
    /// goes on.
    pub fn suspend(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// Undoes that.
    pub fn resume(&self) {
        self.signal(libc::SIGCONT);
    }

    fn signal(&self, signal: i32) {
        // SAFETY: the child is ours and not reaped yet.
        let ret = unsafe { libc::kill(self.child.id() as i32, signal) };
        assert_eq!(ret, 0, "signal {signal}");
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// SIGTERM; demands exit 0, no ejection, and that nothing is left behind.
    pub fn stop(mut self) {
        self.assert_healthy();
        self.signal(libc::SIGTERM);
        let status = self.wait();
        let complaints = self.kmsg.complaints().concat();
        let said = self.said();
        assert!(status.success(), "{status}\n{complaints}\n{said}");
        assert_eq!(complaints, "", "{said}");
        assert_eq!(state(), "disabled");
        assert!(!Path::new(PIN_DIR).exists(), "pins were left behind");
    }

    /// Waits for the loader's end.
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_for(STOP_LIMIT, LOOK, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.expect("the loader does not end")
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // A failed test: whatever the loader does, the next test needs a
        // machine without a scheduler.
        let _ = self.child.kill();
        let _ = self.child.wait();
        wait_for(STOP_LIMIT, LOOK, || state() == "disabled");
        eprintln!("scx_meta said:\n{}", self.said());
    }
}
