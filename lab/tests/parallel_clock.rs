// SPDX-License-Identifier: GPL-2.0-only
//! What the parallel virtual clock promises, shown on guests. Only virtual times are compared: no
//! limit here depends on how fast this machine is.
//!
//! They boot machines, and so are built only with the feature `guest-tests`.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, thread};

use lab::paths;
use labkit::task::Task;

/// The lab's command line, which whoever runs tests in guests has built.
fn xtask() -> PathBuf {
    let built = paths::target().join("debug/xtask");
    assert!(built.exists(), "cargo build --package xtask first");
    built
}

/// Loops on N CPUs may take so much longer than one: each is disturbed by its CPU's ticks.
const LOOPS_APART: f64 = 0.03;

/// An interrupt, the scheduler and the way out of the kernel at 2 ns an instruction; the timer itself
/// is due to the nanosecond. 12 to 31 µs were seen.
const LATE_P98_NS: f64 = 60_000.0;

/// Something of the kernel's may run when a sleeper wakes, up to the next tick.
const TICK_NS: f64 = 4_000_000.0;

/// Busy threads of this machine a core, while a guest must not notice.
const HOGS_A_CORE: usize = 2;

/// What the kernel says when time goes wrong, or when a task or a CPU gets none.
const COMPLAINTS: [&str; 9] = [
    "unstable",
    "clocksource: timekeeping watchdog",
    "time went backwards",
    "lockup",
    "stall",
    "hung_task",
    "blocked for more than",
    "BUG:",
    "runnable task",
];

/// Runs a script in a guest; what it printed, and how long all of it took here.
fn guest(cpus: u32, with: &[&Path], script: &str) -> (String, Duration) {
    let begin = Instant::now();
    let mut xtask = Command::new(xtask());
    xtask.args(["vm", "--clock", "parallel", "--timeout", "3000", "--cpus"]);
    xtask.arg(cpus.to_string());
    for file in with {
        xtask.arg("--with").arg(file);
    }
    let done = xtask.args(["--", "bash", "-c", script]).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{errors}\n{said}");
    println!("{said}");
    (said, begin.elapsed())
}

/// What `xtask guest-clock` prints on a machine with that many CPUs.
fn measure(cpus: u32, what: &str) -> String {
    let xtask = xtask();
    let script = format!("exec {} guest-clock {what}", xtask.display());
    guest(cpus, &[&xtask], &script).0
}

/// Benchmarks of the kernel, and a trace of all that happened beside.
fn benchmarks() -> String {
    let script = "for round in 1 2 3 4 5; do
            perf bench sched pipe -l 2000 | grep Total || exit
            perf bench sched messaging -g 2 -l 50 | grep Total || exit
        done
        cat /proc/uptime /proc/interrupts /proc/schedstat
        dmesg";
    guest(4, &[], script).0
}

fn value(said: &str, name: &str) -> f64 {
    let line = said.lines().find_map(|line| line.strip_prefix(name));
    let text = line.unwrap_or_else(|| panic!("no {name} in: {said}"));
    text.trim().parse().unwrap()
}

#[test]
fn busy_loops_on_many_cpus_take_the_time_of_one() {
    let said = measure(8, "loops");
    let one = value(&said, "loops-1 ");
    for count in [2, 4, 8] {
        let many = value(&said, &format!("loops-{count} "));
        let ratio = many / one;
        assert!(
            (1.0 - LOOPS_APART..1.0 + LOOPS_APART).contains(&ratio),
            "{count} loops took {ratio} of the time of one"
        );
    }
}

#[test]
fn timers_fire_when_they_are_due() {
    let said = measure(2, "wake-ups");
    let [p98, most] = ["late-p98 ", "late-most "].map(|name| value(&said, name));
    assert!(p98 > 0.0, "no wake-up takes no time");
    assert!(p98 < LATE_P98_NS, "sleepers were {p98} ns late");
    assert!(most < TICK_NS, "a sleeper was {most} ns late");
}

#[test]
fn a_busy_host_changes_nothing() {
    let quiet = benchmarks();
    let cores = thread::available_parallelism().unwrap().get();
    let hogs = Task::hogs(HOGS_A_CORE * cores).unwrap();
    let busy = benchmarks();
    drop(hogs);
    for (quiet, busy) in quiet.lines().zip(busy.lines()) {
        assert_eq!(quiet, busy);
    }
    assert_eq!(quiet.len(), busy.len());
    for what in ["pipe", "messaging"] {
        println!("{what}: spread within a boot {:.1} %", spread(&quiet, what));
    }
}

/// How far a benchmark's rounds in one boot are apart, in per cent of their mean.
fn spread(said: &str, what: &str) -> f64 {
    let totals = said.lines().filter(|line| line.contains("Total time:"));
    let seconds = totals.filter_map(|line| line.split_whitespace().nth(2)?.parse::<f64>().ok());
    let skip = usize::from(what == "messaging");
    let rounds: Vec<f64> = seconds.skip(skip).step_by(2).collect();
    assert_eq!(rounds.len(), 5, "{said}");
    let mean = rounds.iter().sum::<f64>() / rounds.len() as f64;
    let most = rounds.iter().copied().fold(f64::MIN, f64::max);
    let least = rounds.iter().copied().fold(f64::MAX, f64::min);
    (most - least) / mean * 100.0
}

#[test]
fn an_idle_guest_takes_no_time_of_the_host() {
    let (said, wall) = guest(
        2,
        &[],
        "read before _ < /proc/uptime; sleep 1200; read after _ < /proc/uptime
        echo before ${before%.*}; echo after ${after%.*}",
    );
    let slept = value(&said, "after ") - value(&said, "before ");
    assert!((1199.0..=1201.0).contains(&slept), "{slept} s");
    assert!(wall < Duration::from_secs(1200), "{wall:?}");
}

#[test]
fn no_clock_and_no_watchdog_complains_while_policies_alternate_each_millisecond() {
    let scx_meta = env::var_os("SCX_META_BIN").map_or_else(beside_xtask, PathBuf::from);
    let nightly = env::var("SCX_META_TEST_TIER").is_ok_and(|tier| tier == "nightly");
    let seconds = if nightly { 60 } else { 8 };
    let script = format!(
        "{} --rotate all --base-slice 1ms & meta=$!
        until grep -q enabled /sys/kernel/sched_ext/state; do
            kill -0 $meta || exit 1
            sleep 0.1
        done
        stress-ng --quiet --temp-path /run --timeout 1000 --cpu 4 --fork 1 & stress=$!
        while perf bench sched messaging -g 1 -l 100 > /run/messages; do :; done & messages=$!
        sleep {seconds}
        kill -0 $meta || exit 1
        cat /sys/kernel/sched_ext/state
        kill $messages $stress $meta; wait $meta
        dmesg",
        scx_meta.display()
    );
    let (said, _) = guest(4, &[&scx_meta], &script);
    assert!(said.lines().any(|line| line == "enabled"), "{said}");
    let complaints: Vec<_> = said
        .lines()
        .filter(|line| COMPLAINTS.iter().any(|word| line.contains(word)))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

fn beside_xtask() -> PathBuf {
    let built = xtask().with_file_name("scx_meta");
    assert!(built.exists(), "cargo build first, or set SCX_META_BIN");
    built
}
