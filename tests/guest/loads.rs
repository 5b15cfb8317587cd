// SPDX-License-Identifier: GPL-2.0-only
//! The loads that several tests put on a machine, from labkit's parts.

use std::process::Command;
use std::time::Duration;

use labkit::load::{Load, Part};
use labkit::program::Program;
use labkit::sys;
use labkit::task::{Hog, Task};

use crate::cgroups::Cgroup;
use crate::clock::ms;

/// Longer than any test: a load that nobody ended ends then.
const RUN: Duration = Duration::from_secs(600);

/// Messages between 40 tasks, again and again.
pub fn messaging() -> Load {
    Load::start(&[Part::Messaging { groups: 1 }], RUN).unwrap()
}

/// The same beside tasks that fork, again and again.
pub fn messaging_and_forks() -> Load {
    let parts = [Part::Messaging { groups: 1 }, Part::Forks { tasks: 2 }];
    Load::start(&parts, RUN).unwrap()
}

/// `perf bench sched messaging` once: 40 tasks a group.
pub fn some_messages(groups: u32, messages: u32) -> Program {
    let mut perf = Command::new("perf");
    perf.args(["bench", "sched", "messaging"]);
    perf.args(["-g", &groups.to_string(), "-l", &messages.to_string()]);
    Program::start(&mut perf).unwrap()
}

/// stress-ng, for some time.
pub fn stress(what: &str, time: Duration) -> Program {
    Program::start(&mut stress_command(what, time)).unwrap()
}

/// The same, all of it in a cgroup.
pub fn stress_in(cgroup: &Cgroup, what: &str, time: Duration) -> Program {
    let mut command = stress_command(what, time);
    Program::start(sys::in_cgroup(&mut command, cgroup.entrance())).unwrap()
}

fn stress_command(what: &str, time: Duration) -> Command {
    let mut stress = Command::new("stress-ng");
    stress.args(what.split(' '));
    stress.args(["-t", &format!("{:.0}", time.as_secs_f64().ceil())]);
    stress.args(["--quiet", "--temp-path", "/run"]);
    stress
}

pub fn hogs(count: usize) -> Vec<Task> {
    Task::hogs(count).unwrap()
}

/// A busy thread that may use one CPU only.
pub fn hog_on(cpu: usize) -> Task {
    Task::hog(Hog {
        cpu: Some(cpu),
        ..Hog::default()
    })
    .unwrap()
}

/// A busy thread of this nice level.
pub fn nice_hog(nice: i32) -> Task {
    Task::hog(Hog { nice, cpu: None }).unwrap()
}

/// One a nap: sleeps, works a little, and so on.
pub fn sleepers(naps_ms: &[u64]) -> Vec<Task> {
    let naps = naps_ms.iter().map(|nap| Duration::from_millis(*nap));
    naps.map(|nap| Task::sleeper(nap).unwrap()).collect()
}

/// A sleeper for each CPU, which may use no other.
pub fn bound_sleepers(nap: Duration) -> Vec<Task> {
    (0..crate::bound::cpus())
        .map(|cpu| Task::sleeper_on(Some(cpu), nap).unwrap())
        .collect()
}

/// The longest gap of any; prints all of them, and fails if one of the tasks has ended.
pub fn longest_gap_ns(what: &str, tasks: &mut [Task]) -> u64 {
    tasks.iter_mut().for_each(|task| task.check().unwrap());
    let gaps: Vec<u64> = tasks.iter().map(Task::longest_gap_ns).collect();
    let text: Vec<String> = gaps.iter().map(|gap| format!("{:.0}", ms(*gap))).collect();
    println!("{what}: longest gaps {} ms", text.join(" "));
    gaps.into_iter().max().unwrap_or(0)
}
