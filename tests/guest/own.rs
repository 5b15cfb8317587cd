// SPDX-License-Identifier: GPL-2.0-only
//! Loaders that a test starts in a way of its own, to see how they end: what they read and write,
//! which signals they ignore, what the kernel does to them. Nothing is asked of their health.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use labkit::meta::{self, Meta};
use labkit::shared::{self, Lock};
use labkit::{process, scx};
use libbpf_rs::query::{ProgInfoIter, ProgramInfo};

use crate::fixture;
use crate::maps::PIN_DIR;

const LOOK: Duration = Duration::from_millis(20);

/// Less than half of what it loads.
const SOME_PROGRAMS: usize = 10;

/// A machine without a scheduler of anybody's, for as long as this lives.
pub struct Machine(#[allow(dead_code)] Lock);

impl Machine {
    pub fn take() -> Self {
        let lock = shared::lock().unwrap();
        shared::end().unwrap();
        assert_eq!(scx::state().unwrap(), "disabled", "whose scheduler is it?");
        Self(lock)
    }

    /// Starts a loader with these options, and otherwise as `prepare` says; it may not be in charge
    /// yet. What it says goes to a file unless `prepare` has it go elsewhere.
    pub fn spawn(&self, args: &[&str], prepare: impl FnOnce(&mut Command)) -> Own {
        let log = env::temp_dir().join("scx_meta-own.log");
        let mut command = fixture::command(args, &log);
        prepare(&mut command);
        Own {
            meta: Meta::spawn(&mut command).unwrap(),
            log,
        }
    }

    /// The same, and waits until it is in charge.
    pub fn start(&self, args: &[&str], prepare: impl FnOnce(&mut Command)) -> Own {
        let mut own = self.spawn(args, prepare);
        own.await_in_charge();
        own
    }
}

/// A loader. Dropping it stops it, whatever its state.
pub struct Own {
    meta: Meta,
    log: PathBuf,
}

impl Own {
    pub fn await_in_charge(&mut self) {
        let waited = self.meta.await_in_charge();
        waited.unwrap_or_else(|error| panic!("{error:#}\n{}", self.said()));
    }

    /// Waits until it has begun, and nothing of it is in charge yet.
    pub fn await_loading(&self) {
        let begun = || Path::new(PIN_DIR).exists();
        assert!(process::await_that(meta::START_LIMIT, LOOK, begun));
    }

    /// Waits until the kernel has its first programs, and not yet the others.
    pub fn await_verifier(&self) {
        let ours = |info: &ProgramInfo| info.name.to_string_lossy().starts_with("meta_");
        let some = || (1..SOME_PROGRAMS).contains(&ProgInfoIter::default().filter(ours).count());
        assert!(process::await_that(meta::START_LIMIT, LOOK, some));
    }

    /// Waits until it has said this, as often as that.
    pub fn await_said(&self, what: &str, times: usize, limit: Duration) {
        fixture::await_said(&self.log, what, times, limit);
    }

    pub fn signal(&self, signal: libc::c_int) {
        self.meta.signal(signal).unwrap();
    }

    /// It has not ended.
    pub fn lives(&mut self) -> bool {
        self.meta.check().is_ok()
    }

    pub fn said(&self) -> String {
        fixture::said(&self.log)
    }

    /// Waits for its end, which must come within `limit` and leave nothing behind; how it ended and
    /// how long that took.
    pub fn await_end(mut self, limit: Duration) -> (ExitStatus, Duration) {
        let began = Instant::now();
        let status = self.meta.await_end(limit);
        let status = status.unwrap_or_else(|error| panic!("{error:#}\n{}", self.said()));
        let took = began.elapsed();
        let said = self.said();
        println!("ended after {took:.2?}: {status:?}\n{said}");
        assert_eq!(scx::state().unwrap(), "disabled", "{said}");
        assert!(!Path::new(PIN_DIR).exists(), "its pins are left:\n{said}");
        (status.unwrap(), took)
    }

    /// Asks for its end by SIGTERM.
    pub fn stop(self, limit: Duration) -> (ExitStatus, Duration) {
        self.signal(libc::SIGTERM);
        self.await_end(limit)
    }
}
