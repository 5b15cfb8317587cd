// SPDX-License-Identifier: GPL-2.0-only
//! What takes too long for a change: CPUs that go and come 200 times, stress-ng as sched-ext's own CI
//! runs it, and its whole class of scheduler tests.

use std::process::Command;
use std::time::Duration;

use labkit::process;
use labkit::program::Program;
use labkit::watch::Watch;
use scx_meta::policy::Policy;

use super::harm::{fair_wait, Harm};
use super::{hotplug, kernel};
use crate::scheduler::Scheduler;
use crate::{bound, tier};

const BUSY: usize = 4;
const ASLEEP: usize = 6;

const TURN: Duration = Duration::from_millis(1);

/// So much longer than it was told to take, emulated.
const LATE: Duration = Duration::from_secs(600);

/// Busy tasks that a line of it starts for each CPU.
const STRESSORS: usize = 4;

/// From 7.0 on only: --mutex takes all CPUs for a real-time class, for good.
const OLD_KERNEL: &str = "mutex";

fn beside_load() -> Harm {
    let scheduler = Scheduler::shared();
    scheduler.all_take_turns(TURN);
    Harm::beside(scheduler, Watch::start(BUSY, ASLEEP).unwrap())
}

/// It must be there: a row that does nothing must not pass.
fn stress_ng() -> Command {
    let program = process::find_tool("stress-ng")
        .expect("stress-ng is not on this machine: `cargo xtask setup` installs it");
    let mut command = Command::new(program);
    command.args(["--temp-path", "/run"]);
    command
}

fn run(command: &mut Command, time: Duration) -> u64 {
    let program = Program::start(command).unwrap();
    program.finish(time + LATE).unwrap();
    1
}

fn ci_line(time: Duration) -> Command {
    let mut command = stress_ng();
    let cpus = bound::cpus().to_string();
    command.args(["-t", &time.as_secs().to_string(), "--aggressive", "-M"]);
    command.args(["-c", &cpus, "-f", &cpus]);
    command.args(["--affinity", "1", "--affinity-delay", "1", "--affinity-pin"]);
    command
}

fn fair() -> Duration {
    let cpus = bound::cpus();
    fair_wait(BUSY + STRESSORS * cpus, cpus)
}

#[test]
fn two_hundred_cpu_events_end_nothing() {
    hotplug::two_hundred_events_end_nothing();
}

#[test]
fn sched_exts_ci_line_harms_nobody_under_any_policy() {
    let mut harm = beside_load();
    let all = tier::seconds(3.0, 31.0);
    harm.phase("all", fair(), |_| run(&mut ci_line(all), all));
    let each = tier::seconds(1.0, 8.0);
    for policy in Policy::all() {
        harm.scheduler().only(policy);
        harm.phase(policy, fair(), |_| run(&mut ci_line(each), each));
    }
    harm.end();
}

#[test]
fn stress_ngs_class_scheduler_harms_nobody() {
    let mut harm = beside_load();
    let mut command = stress_ng();
    command.args(["--class", "scheduler", "--sequential", "2"]);
    let each = tier::seconds(1.0, 2.0);
    command.args(["-t", &each.as_secs().to_string()]);
    if !kernel::serves_ext_beside_realtime() {
        println!("without --{OLD_KERNEL}: docs/limits.md");
        command.args(["--exclude", OLD_KERNEL]);
    }
    // Some of its tests are hundreds of tasks, which all want a CPU.
    let bound = Duration::from_secs(10);
    harm.phase("class scheduler", bound, |_| run(&mut command, 60 * each));
    harm.end();
}
