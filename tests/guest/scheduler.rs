// SPDX-License-Identifier: GPL-2.0-only
//! A running scx_meta in a test: the shared one (labkit::shared), or one of the test's own where starting
//! is the subject. The shared one has all policies; a test holds one of them or gives weights, and
//! asserts by how much the counters changed since it began.
//!
//! At a test's end the guard demands that all is well: the program in charge, the kernel's log clean
//! and nothing enabled since the test began, no task lost. Then the next test finds the defaults
//! again. What is not well, and the scheduler of a test that failed, is killed.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::Duration;
use std::{env, thread};

use anyhow::{ensure, Context, Result};
use labkit::meta::Meta;
use labkit::retune::{self, Knobs};
use labkit::shared::{self, Left, Lock};
use labkit::{meta, process, scx};
use scx_meta::bpf::abi;
use scx_meta::live::Live;
use scx_meta::machine::Machine;
use scx_meta::policy::Policy;
use scx_meta::stats::Snapshot;
use scx_meta::weights::PolicyList;
use serde_json::Value;

use crate::counters::{self, Counted};
use crate::fixture::{self, Handover};
use crate::kmsg::Kmsg;
use crate::maps::{Maps, NO_PIN};
use crate::mutant;

/// Of the rotation that --rotate begins.
const DEFAULT_TURN: Duration = Duration::from_millis(1800);

/// Options that say which policies run.
const SAYS_WHO_RUNS: [&str; 4] = ["--weights", "--rotate", "--strategy", "--auto"];

/// The program looks at its maps at once when it is told to.
const FLIP_LIMIT: Duration = Duration::from_secs(10);

/// It says what it does right after.
const SAY_LIMIT: Duration = Duration::from_secs(10);

const LOOK: Duration = Duration::from_millis(10);

pub struct Scheduler {
    /// None once it has ended.
    meta: Option<Meta>,
    /// Of the shared one: what the next test will find.
    left: Option<Left>,
    log: PathBuf,
    kmsg: Kmsg,
    maps: Maps,
    live: Live,
    /// The counters when the test began.
    before: RefCell<Counted>,
    /// Goes last, when all of the above is settled.
    _lock: Lock,
}

/// Runs scx_meta to its end.
pub fn run(args: &[&str]) -> Output {
    Command::new(fixture::binary())
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Each policy of the table, with the same weight.
pub fn all_equal() -> Vec<(Policy, u32)> {
    Policy::all().map(|policy| (policy, 1)).collect()
}

impl Scheduler {
    /// The shared one, which hands tasks over as by default.
    pub fn shared() -> Self {
        Self::shared_with(Handover::Adopt)
    }

    pub fn shared_with(handover: Handover) -> Self {
        Self::take(handover, || None)
    }

    /// The shared one, if the longest wait that it knows of is below `bound_ns`: the program only keeps
    /// the longest since load, and one of an earlier test must not fail this one, nor hide its own.
    pub fn shared_for_waits(handover: Handover, bound_ns: u64) -> Self {
        Self::take(handover, || {
            let known = counters::longest_wait_since_load_ns(&Maps::open());
            (known >= bound_ns).then(|| format!("a task once waited {known} ns"))
        })
    }

    fn take(handover: Handover, unwelcome: impl Fn() -> Option<String>) -> Self {
        let lock = shared::lock().unwrap();
        // Before the start, whose troubles are told, too.
        let kmsg = Kmsg::since_now();
        let taken = shared::take(&fixture::binary(), &handover.options(), unwelcome);
        let (meta, left) = taken.unwrap_or_else(|error| panic!("{error:#}"));
        Self::of(meta, Some(left), shared::log(), kmsg, lock)
    }

    /// One of the test's own, with these options; its policies take turns unless they say otherwise.
    pub fn start(args: &[&str]) -> Self {
        Self::start_with(args, |_| ())
    }

    /// The same, and otherwise as `prepare` says.
    pub fn start_with(args: &[&str], prepare: impl FnOnce(&mut Command)) -> Self {
        let lock = shared::lock().unwrap();
        shared::end().unwrap();
        assert_eq!(scx::state().unwrap(), "disabled", "whose scheduler is it?");
        let kmsg = Kmsg::since_now();
        let log = env::temp_dir().join("scx_meta.log");
        let mut command = fixture::command(args, &log);
        let says = |arg: &&str| SAYS_WHO_RUNS.contains(&arg.split('=').next().unwrap_or(arg));
        if !args.iter().any(says) {
            command.args(["--rotate", "all"]);
        }
        prepare(&mut command);
        let meta = Meta::start(&mut command).unwrap_or_else(|error| {
            let said = fixture::said(&log);
            panic!("scx_meta {args:?} did not start: {error:#}\n{said}");
        });
        Self::of(meta, None, log, kmsg, lock)
    }

    fn of(meta: Meta, left: Option<Left>, log: PathBuf, kmsg: Kmsg, lock: Lock) -> Self {
        let maps = Maps::open();
        Self {
            meta: Some(meta),
            left,
            log,
            kmsg,
            before: RefCell::new(Counted::now(&maps)),
            maps,
            live: Live::open(&Machine::default()).unwrap(),
            _lock: lock,
        }
    }

    pub fn maps(&self) -> &Maps {
        &self.maps
    }

    /// Holds this policy, and waits until it is in charge.
    pub fn only(&self, policy: Policy) {
        retune::hold(self, policy).unwrap();
        let flipped = process::await_that(FLIP_LIMIT, LOOK, || {
            self.maps.status().active == policy.id()
        });
        assert!(flipped, "{policy} is held and not in charge");
    }

    /// Begins a rotation by these weights; a policy that is not listed gets no turns.
    pub fn rotate(&self, weights: &[(Policy, u32)], period: Duration) {
        retune::rotate(self, weights, period).unwrap();
    }

    /// Turns of this length for every policy of the table.
    pub fn all_take_turns(&self, turn: Duration) {
        let all: Vec<Policy> = Policy::all().collect();
        retune::take_turns(self, &all, turn).unwrap();
    }

    /// Writes a pin, and has the program look at it at once.
    pub fn pin(&self, id: u32) {
        self.maps.set_pin(id);
        self.live.apply().unwrap();
    }

    /// What was counted begins anew.
    pub fn forget(&self) {
        *self.before.borrow_mut() = Counted::now(&self.maps);
    }

    /// A policy's counters since the test began, or since what was before was forgotten.
    pub fn counted(&self, policy: Policy) -> abi::meta_stats {
        Counted::now(&self.maps).since(&self.before.borrow(), policy)
    }

    /// The same, one a CPU.
    pub fn counted_by_cpu(&self, policy: Policy) -> Vec<abi::meta_stats> {
        Counted::now(&self.maps).since_by_cpu(&self.before.borrow(), policy)
    }

    /// Does what was counted add up at this moment?
    pub fn is_conserved(&self) -> bool {
        counters::is_conserved(&self.maps)
    }

    /// No task waited longer in a queue, in this test or before.
    pub fn longest_wait_ns(&self) -> u64 {
        counters::longest_wait_since_load_ns(&self.maps)
    }

    /// As `scx_meta status` takes one.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::take(&self.live).unwrap()
    }

    /// The length of a rotation, as it is written.
    pub fn period_us(&self) -> u32 {
        self.live.period_us().unwrap()
    }

    /// `scx_meta status --json`.
    pub fn status_json(&self) -> Value {
        let output = run(&["status", "--json"]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub fn said(&self) -> String {
        fixture::said(&self.log)
    }

    /// It is in charge a little before it says so.
    pub fn await_said(&self, words: &str) {
        fixture::await_said(&self.log, words, 1, SAY_LIMIT);
    }

    fn meta(&mut self) -> &mut Meta {
        self.meta.as_mut().expect("a scheduler that has not ended")
    }

    pub fn pid(&self) -> u32 {
        self.meta
            .as_ref()
            .expect("a scheduler that has not ended")
            .pid()
    }

    /// Stops the loader, all its threads, where they are; the kernel's part
    /// goes on.
    pub fn suspend(&mut self) {
        self.meta().signal(libc::SIGSTOP).unwrap();
    }

    /// Undoes that.
    pub fn resume(&mut self) {
        self.meta().signal(libc::SIGCONT).unwrap();
    }

    /// Sends the loader a signal.
    pub fn signal(&mut self, signal: libc::c_int) {
        self.meta().signal(signal).unwrap();
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.meta().signal(libc::SIGKILL).unwrap();
    }

    /// Waits for the end of a loader that was killed.
    pub fn wait(&mut self) -> ExitStatus {
        let mut meta = self.meta.take().expect("a scheduler that has not ended");
        let status = meta.await_end(meta::STOP_LIMIT).unwrap();
        status.expect("one of the test's own")
    }

    /// The program is still in charge and the kernel has not complained.
    pub fn assert_healthy(&mut self) {
        self.check().unwrap();
    }

    /// The same, for who says what was done to it.
    pub fn check(&mut self) -> Result<()> {
        let said = self.said();
        let state = scx::state()?;
        let complaints = self.kmsg.complaints().concat();
        ensure!(
            state == "enabled" && complaints.is_empty(),
            "sched_ext is {state}:\n{complaints}\n{said}"
        );
        self.meta().check().context(said)?;
        let seq = scx::enable_seq()?;
        let left = self.left.as_ref();
        ensure!(
            left.is_none_or(|left| left.enable_seq == seq),
            "schedulers were enabled {seq} times, {left:?}"
        );
        Ok(())
    }

    /// As the shared loader began.
    fn restore(&self) -> Result<()> {
        let defaults = PolicyList::all().equal_weights();
        let weights: Vec<_> = Policy::all().map(|p| (p, defaults.get(p))).collect();
        retune::rotate(self, &weights, DEFAULT_TURN * defaults.in_rotation())
    }

    /// What a test owes the next one.
    fn give_back(&mut self) -> Result<()> {
        // A loader that sleeps cannot answer for its health.
        self.meta().signal(libc::SIGCONT)?;
        self.restore()?;
        counters::check_conserved(&self.maps)?;
        self.check()?;
        let (meta, left) = (self.meta.take(), self.left.take());
        let (meta, left) = meta.zip(left).context("nothing to give back")?;
        shared::give_back(meta, left)
    }

    /// SIGTERM; demands exit 0, no ejection, and that nothing is left behind.
    fn stop(&mut self) -> Result<()> {
        counters::check_conserved(&self.maps)?;
        self.check()?;
        let meta = self.meta.take().context("nothing to stop")?;
        meta.stop().context(self.said())?;
        let complaints = self.kmsg.complaints().concat();
        ensure!(complaints.is_empty(), "{complaints}\n{}", self.said());
        Ok(())
    }

    /// Whatever the loader does, the next test needs a machine without it.
    fn discard(&mut self) {
        eprintln!("scx_meta said:\n{}", self.said());
        eprintln!("the kernel said:\n{}", self.kmsg.complaints().concat());
        if let Some(mut meta) = self.meta.take() {
            let _ = meta.signal(libc::SIGCONT);
            if let Err(error) = meta.kill() {
                eprintln!("{error:#}");
            }
        }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        if self.meta.is_none() {
            return;
        }
        // A mutant's test fails because it should: the scheduler is not to blame.
        let failed = thread::panicking() && !mutant::is_on();
        let ended = match (failed, self.left.is_some()) {
            (true, _) => Err(anyhow::anyhow!("the test failed")),
            (false, true) => self.give_back(),
            (false, false) => self.stop(),
        };
        let Err(error) = ended else {
            return;
        };
        self.discard();
        if !thread::panicking() {
            panic!("after the test: {error:#}");
        }
        eprintln!("after the test: {error:#}");
    }
}

impl Knobs for Scheduler {
    type Policy = Policy;

    fn weights(&self) -> Result<Vec<(Policy, u32)>> {
        let available = self.maps.status().available;
        let loaded = Policy::all().filter(|policy| available & policy.bit() != 0);
        Ok(loaded.map(|p| (p, self.maps.weight(p))).collect())
    }

    fn set_weight(&self, policy: Policy, weight: u32) -> Result<()> {
        self.maps.set_weight(policy, weight);
        Ok(())
    }

    fn set_period_us(&self, period_us: u32) -> Result<()> {
        self.maps.set_period_us(period_us);
        Ok(())
    }

    fn set_pin(&self, policy: Option<Policy>) -> Result<()> {
        self.maps.set_pin(policy.map_or(NO_PIN, Policy::id));
        Ok(())
    }

    fn apply(&self) -> Result<()> {
        self.live.apply()
    }
}
