// SPDX-License-Identifier: GPL-2.0-only
//! Cgroups come and go, nested and many at once, while tasks in them run, move and are frozen.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;
use std::{fs, io, thread};

use labkit::process;
use labkit::watch::Watch;
use scx_meta::policy::Policy;

use super::harm::{fair_wait, Harm};
use crate::cgroups::{self, Cgroup};
use crate::maps::policy;
use crate::scheduler::Scheduler;
use crate::{bound, tier};

const BUSY: usize = 4;
const ASLEEP: usize = 4;

/// The kernel takes that long, at most, for what it does after a cgroup was removed.
const GONE_LIMIT: Duration = Duration::from_secs(20);

/// The last steps of a task that comes to stand still, after the kernel says that it does.
const STEPS_NS: u64 = 1_000_000;

fn fair() -> Duration {
    fair_wait(BUSY, bound::cpus())
}

/// Cgroups with one in each, made, weighed and limited, moved through by this process with all its
/// threads, then removed; mkdir may not fail.
pub fn storm(cgroups: usize) -> u64 {
    let us = std::process::id();
    let outer: Vec<Cgroup> = (0..cgroups)
        .map(|number| Cgroup::create(&format!("meta_{number}")))
        .collect();
    let inner: Vec<Cgroup> = outer.iter().map(|group| group.nested("n")).collect();
    for (number, group) in inner.iter().enumerate().step_by(7) {
        group.take(us);
        group.write("cpu.weight", &(1 + number * 97 % 10_000).to_string());
        group.write("cpu.max", ["max", "5000 100000"][number % 2]);
        thread::sleep(Duration::from_millis(1));
    }
    drop(inner);
    drop(outer);
    2 * cgroups as u64
}

#[test]
fn hundreds_of_cgroups_that_come_and_go_harm_nobody() {
    let mut harm = Harm::beside(Scheduler::shared(), Watch::start(BUSY, ASLEEP).unwrap());
    let many = tier::times(60, 150);
    for policy in [policy("pair"), policy("fifo")] {
        harm.scheduler().only(policy);
        harm.phase(policy, fair(), |_| storm(many));
    }
    harm.scheduler().all_take_turns(Duration::from_millis(1));
    harm.phase("all", fair(), |_| storm(many));
    for policy in Policy::all().filter(|_| tier::is_nightly()) {
        harm.scheduler().only(policy);
        harm.phase(policy, fair(), |_| storm(many));
    }
    harm.end();
}

/// The same from inside of a container, which sees its own cgroup as the root of all.
#[test]
fn cgroups_of_a_namespace_harm_nobody() {
    let mut harm = Harm::beside(Scheduler::shared(), Watch::start(BUSY, ASLEEP).unwrap());
    let many = tier::times(20, 100);
    for policy in [policy("pair"), policy("fifo")] {
        harm.scheduler().only(policy);
        harm.phase(policy, fair(), |_| storm_in_namespace(many));
    }
    harm.end();
}

/// A shell of its own makes cgroups there, moves through them and removes them.
fn storm_in_namespace(cgroups: usize) -> u64 {
    let outer = Cgroup::create("meta_ns");
    let script = format!(
        "umount /sys/fs/cgroup
         mount -t cgroup2 none /sys/fs/cgroup
         test ! -e /sys/fs/cgroup/meta_ns
         cd /sys/fs/cgroup
         mkdir home; echo $$ > home/cgroup.procs; echo +cpu > cgroup.subtree_control
         for n in $(seq {cgroups}); do
             mkdir n$n; echo $((n * 97 % 10000 + 1)) > n$n/cpu.weight
             echo $$ > n$n/cgroup.procs
             echo $$ > home/cgroup.procs; rmdir n$n
         done
         echo -cpu > cgroup.subtree_control; echo $$ > cgroup.procs; rmdir home"
    );
    let mut shell = Command::new("sh");
    shell.args(["-ec", &script]);
    let procs = "/sys/fs/cgroup/meta_ns/cgroup.procs";
    let enter = move || {
        fs::write(procs, "0")?;
        // SAFETY: unshare takes flags only.
        match unsafe { libc::unshare(libc::CLONE_NEWCGROUP | libc::CLONE_NEWNS) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: between fork and exec it opens, writes and closes a file, and makes a system call.
    unsafe { shell.pre_exec(enter) };
    let done = shell.output().unwrap();
    assert!(done.status.success(), "{done:?}");
    drop(outer);
    cgroups as u64
}

/// pair has a queue for each of 63 cgroups and counts those that found none. More cgroups than that one
/// after the other must not use them up.
#[test]
fn queues_of_cgroups_that_are_gone_serve_others() {
    const AT_ONCE: usize = 40;
    let us = std::process::id();
    let mut harm = Harm::beside(Scheduler::shared(), Watch::start(BUSY, ASLEEP).unwrap());
    let pair = policy("pair");
    harm.scheduler().only(pair);
    let rounds = tier::times(4, 50);
    harm.phase("one set after the other", fair(), |_| {
        let mut made = 0;
        for _ in 0..rounds {
            let groups: Vec<Cgroup> = (0..AT_ONCE)
                .map(|number| Cgroup::create(&format!("meta_{number}")))
                .collect();
            for group in groups.iter().step_by(4) {
                group.take(us);
                thread::sleep(Duration::from_millis(2));
            }
            drop(groups);
            await_gone();
            made += AT_ONCE as u64;
        }
        made
    });
    let overflowed = harm.scheduler().counted(pair).overflowed;
    harm.expect(
        overflowed == 0,
        format!("{overflowed} cgroups found no queue, though no more than {AT_ONCE} were there"),
    );
    harm.end();
}

/// A cgroup that was removed is gone for the scheduler some time later.
fn await_gone() {
    let dying = || {
        let stat = fs::read_to_string("/sys/fs/cgroup/cgroup.stat").unwrap();
        !stat.contains("nr_dying_descendants 0\n")
    };
    let gone = process::await_that(GONE_LIMIT, Duration::from_millis(5), || !dying());
    assert!(gone, "removed cgroups stay");
}

/// Tasks that are frozen in a policy's queue come out of it, and run again when they are thawed.
#[test]
fn tasks_that_were_frozen_run_again() {
    let mut harm = Harm::beside(Scheduler::shared(), Watch::start(BUSY, ASLEEP).unwrap());
    let frozen_s = tier::seconds(0.2, 36.0);
    let mut cold = Cgroup::create("meta_cold");
    let pids: Vec<u32> = (0..3).map(|_| cold.hog(None)).collect();
    let used = || -> u64 { pids.iter().map(|pid| cgroups::cpu_ns(*pid)).sum() };
    for policy in Policy::all() {
        harm.scheduler().only(policy);
        let bound = fair_wait(BUSY + pids.len(), bound::cpus());
        let mut ran = (0, 0);
        harm.phase(policy, bound, |_| {
            thread::sleep(Duration::from_millis(20));
            cold.write("cgroup.freeze", "1");
            // A task that waits must run to stand still.
            let stands = || cold.read("cgroup.events").contains("frozen 1");
            let stood = process::await_that(bound, Duration::from_millis(5), stands);
            assert!(
                stood,
                "tasks that do not come to stand still within {bound:?}"
            );
            let still = used();
            thread::sleep(frozen_s);
            ran.0 = used() - still;
            cold.write("cgroup.freeze", "0");
            thread::sleep(bound / 4);
            ran.1 = used() - still;
            pids.len() as u64
        });
        let said = format!("{policy}: {ran:?} ns of CPU while frozen and with the time after");
        println!("{said}");
        harm.expect(ran.0 < STEPS_NS && ran.1 > STEPS_NS, said);
    }
    drop(cold);
    harm.end();
}
