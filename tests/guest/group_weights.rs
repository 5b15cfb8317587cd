// SPDX-License-Identifier: GPL-2.0-only
//! cpu.weight and cpu.idle under the policies that honour them: a cgroup gets its share beside its
//! active siblings, whatever the number of its tasks, and whatever became of tasks and cgroups before.
//!
//! SCX_META_TEST_MUTANT=eevdf=fifo and its like show that these tests can fail.

use std::time::Duration;
use std::{fs, process, thread};

use labkit::process::await_that;
use libbpf_rs::query::MapInfoIter;
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use scx_meta::bpf::abi;

use crate::cgroups::Cgroup;
use crate::clock::ms;
use crate::maps::policy;
use crate::mutant::cast;
use crate::scheduler::Scheduler;
use crate::tier;

const HONOUR: [&str; 3] = ["eevdf", "vtime", "bpfland"];

/// One of these has all the hogs that are bound.
const CPU: usize = 1;

/// The program's counts become right within this time.
const COUNT_LIMIT: Duration = Duration::from_secs(5);

/// A cgroup with this weight and so many busy processes on one CPU, or anywhere.
fn busy(name: &str, weight: u32, hogs: usize, cpu: Option<usize>) -> Cgroup {
    let mut group = Cgroup::create(name);
    group.write("cpu.weight", &weight.to_string());
    for _ in 0..hogs {
        group.hog(cpu);
    }
    group
}

fn used_ns(group: &Cgroup) -> u64 {
    let stat = group.read("cpu.stat");
    let usec = stat
        .lines()
        .find_map(|line| line.strip_prefix("usage_usec "));
    usec.unwrap().parse::<u64>().unwrap() * 1000
}

/// What cgroups use of the CPU while some time passes.
fn uses<const N: usize>(groups: [&Cgroup; N], time: Duration) -> [u64; N] {
    thread::sleep(Duration::from_millis(500));
    let before = groups.map(used_ns);
    thread::sleep(time);
    let after = groups.map(used_ns);
    std::array::from_fn(|i| after[i] - before[i])
}

/// Their CPU times are to each other as these numbers, within a tenth.
fn assert_shares<const N: usize>(what: &str, groups: [&Cgroup; N], expected: [f64; N]) {
    let used = uses(groups, tier::seconds(1.0, 10.0));
    let all: u64 = used.iter().sum();
    let sum: f64 = expected.iter().sum();
    println!("{what}: {:.0?} ms, expected as {expected:?}", used.map(ms));
    for (used, expected) in used.into_iter().zip(expected) {
        let off = used as f64 / all as f64 / (expected / sum) - 1.0;
        assert!(off.abs() <= 0.1, "{what}: {:+.1} % off", 100.0 * off);
    }
}

/// Does it with each policy in charge.
fn under_each(scheduler: &Scheduler, test: impl Fn(&str)) {
    for name in HONOUR {
        scheduler.only(cast(name));
        test(name);
    }
}

#[test]
fn a_group_gets_its_weight_whatever_the_number_of_its_tasks() {
    let scheduler = Scheduler::shared();
    under_each(&scheduler, |name| {
        for (few, many) in [(1, 4), (4, 1)] {
            let light = busy("meta_light", 100, few, Some(CPU));
            let heavy = busy("meta_heavy", 300, many, Some(CPU));
            let what = format!("{name}, {few} tasks and {many}");
            assert_shares(&what, [&light, &heavy], [1.0, 3.0]);
        }
    });
}

#[test]
fn a_group_gets_its_weight_over_all_cpus() {
    let scheduler = Scheduler::shared();
    under_each(&scheduler, |name| {
        let light = busy("meta_light", 100, 4, None);
        let heavy = busy("meta_heavy", 300, 8, None);
        assert_shares(name, [&light, &heavy], [1.0, 3.0]);
    });
}

#[test]
fn groups_in_groups_share_what_is_theirs() {
    let scheduler = Scheduler::shared();
    under_each(&scheduler, |name| {
        let alone = busy("meta_alone", 100, 2, Some(CPU));
        let outer = busy("meta_outer", 200, 0, None);
        let mut inner = [outer.nested("light"), outer.nested("heavy")];
        inner[1].write("cpu.weight", "300");
        for group in &mut inner {
            group.hog(Some(CPU));
        }
        let [light, heavy] = &inner;
        assert_shares(name, [&alone, light, heavy], [2.0, 1.0, 3.0]);
        drop(inner);
    });
}

#[test]
fn a_weight_that_is_written_counts_at_once() {
    let scheduler = Scheduler::shared();
    under_each(&scheduler, |name| {
        let one = busy("meta_one", 100, 2, Some(CPU));
        let other = busy("meta_other", 100, 1, Some(CPU));
        assert_shares(name, [&one, &other], [1.0, 1.0]);
        one.write("cpu.weight", "400");
        assert_shares(name, [&one, &other], [4.0, 1.0]);
    });
}

/// It is heard of at once or, before 7.0, found within 100 ms; and it counts as 100 afterwards.
#[test]
fn an_idle_group_gets_what_others_leave() {
    let scheduler = Scheduler::shared();
    under_each(&scheduler, |name| {
        let plain = busy("meta_plain", 100, 1, Some(CPU));
        let idle = busy("meta_idle", 100, 2, Some(CPU));
        idle.write("cpu.idle", "1");
        let [of_plain, of_idle] = uses([&plain, &idle], tier::seconds(3.0, 6.0));
        println!("{name}: {:.0} ms, idle {:.0} ms", ms(of_plain), ms(of_idle));
        assert!(of_idle > 0, "{name}: it starves");
        assert!(of_plain >= 19 * of_idle, "{name}: it gets too much");
        idle.write("cpu.idle", "0");
        assert_shares(name, [&plain, &idle], [1.0, 1.0]);
    });
}

#[test]
fn a_group_that_sleeps_leaves_its_share_to_others() {
    let scheduler = Scheduler::shared();
    under_each(&scheduler, |name| {
        let light = busy("meta_light", 100, 1, Some(CPU));
        let outer = busy("meta_outer", 300, 0, None);
        let mut heavy = outer.nested("heavy");
        let mut sleeper = outer.nested("sleeper");
        heavy.hog(Some(CPU));
        let pid = sleeper.hog(Some(CPU));
        sleeper.write("cpu.weight", "300");
        assert_shares(name, [&light, &heavy, &sleeper], [4.0, 3.0, 9.0]);
        signal(pid, "STOP");
        assert_shares(name, [&light, &heavy], [1.0, 3.0]);
        signal(pid, "CONT");
        assert_shares(name, [&light, &heavy, &sleeper], [4.0, 3.0, 9.0]);
        drop((heavy, sleeper));
    });
}

fn signal(pid: u32, name: &str) {
    let done = process::Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
    assert!(done.unwrap().success());
}

/// What the program counts in its groups, the youngest program's.
struct Groups(MapHandle);

impl Groups {
    fn open() -> Self {
        let maps = MapInfoIter::default().filter(|map| map.name == "groups");
        let id = maps.map(|map| map.id).max().unwrap();
        Self(MapHandle::from_map_id(id).unwrap())
    }

    /// Those that count somebody, and those that exist.
    fn counts(&self) -> (Vec<abi::meta_group>, usize) {
        let bytes = self.0.lookup(&[0; 4], MapFlags::ANY).unwrap().unwrap();
        assert_eq!(bytes.len(), size_of::<abi::meta_groups>());
        let all = bytes
            .chunks_exact(size_of::<abi::meta_group>())
            .map(|bytes| {
                // SAFETY: as many bytes as the struct has, all of them numbers.
                unsafe { bytes.as_ptr().cast::<abi::meta_group>().read_unaligned() }
            });
        let all: Vec<_> = all.collect();
        let exist = all.iter().filter(|group| group.state != 0).count();
        let counted =
            |group: &abi::meta_group| group.tasks != 0 || group.children != 0 || group.counted != 0;
        (all.into_iter().filter(counted).collect(), exist)
    }

    /// Waits until nobody is counted and those exist that the kernel has, no more: a cgroup that was
    /// removed, by another test too, is gone a little later. Prints what is left otherwise.
    fn assert_empty(&self, name: &str) {
        let exist = Cgroup::count_with("cpu.weight");
        let mut left = (Vec::new(), 0);
        let empty = await_that(COUNT_LIMIT, Duration::from_millis(50), || {
            left = self.counts();
            left.0.is_empty() && left.1 == exist
        });
        for group in &left.0 {
            println!(
                "{name}: level {}: {} of tasks, {} of children, counted {}",
                group.level, group.tasks, group.children, group.counted
            );
        }
        assert!(empty, "{name}: {} groups exist, {exist} cgroups", left.1);
    }
}

/// Busy tasks, and such as sleep all the time, are moved, change class, stop and end, in cgroups that
/// come and go, while policies that count them and such that do not take turns.
#[test]
fn no_task_is_counted_for_ever() {
    let scheduler = Scheduler::shared();
    let groups = Groups::open();
    for name in HONOUR {
        scheduler.only(cast(name));
        groups.assert_empty(name);
        churn(&scheduler, name);
        groups.assert_empty(name);
    }
}

fn churn(scheduler: &Scheduler, name: &str) {
    let outer = Cgroup::create("meta_outer");
    let mut inner = [outer.nested("one"), outer.nested("two")];
    let [one, two] = &mut inner;
    let mut pids = vec![one.hog(None), one.hog(Some(CPU)), two.hog(None)];
    pids.push(one.hog(None));
    let busy = pids.len();
    let sleepers: Vec<_> = (0..4).map(|_| sleeper()).collect();
    pids.extend(sleepers.iter().map(process::Child::id));
    for round in 0..tier::times(20, 400) {
        let pid = pids[round % pids.len()];
        match round % 5 {
            0 => inner[0].take(pid),
            1 => inner[1].take(pid),
            2 => Cgroup::leave(pid),
            3 => {
                let short = outer.nested("short");
                short.take(pid);
                thread::sleep(Duration::from_millis(20));
                inner[round % 2].take(pid);
            }
            _ => reclass(pid, round % pids.len() < busy),
        }
        if round % 8 == 0 {
            signal(pid, "STOP");
            scheduler.only(policy(["fifo", "nest"][round % 16 / 8]));
            thread::sleep(Duration::from_millis(30));
            signal(pid, "CONT");
        } else if round % 8 == 4 {
            scheduler.only(cast(name));
        }
        thread::sleep(Duration::from_millis(20));
    }
    scheduler.only(cast(name));
    thread::sleep(Duration::from_millis(200));
    let (counted, _) = Groups::open().counts();
    println!("{name}: {} groups count somebody", counted.len());
    assert!(!counted.is_empty(), "{name}: nobody is counted");
    for mut sleeper in sleepers {
        sleeper.kill().unwrap();
        sleeper.wait().unwrap();
    }
    drop(inner);
}

fn sleeper() -> process::Child {
    let script = "while :; do sleep 0.003; done";
    process::Command::new("sh")
        .args(["-c", script])
        .spawn()
        .unwrap()
}

/// Into the real-time class and back, or if it is busy to another nice level: before 7.0 a busy
/// real-time task has the scheduler ejected.
fn reclass(pid: u32, busy: bool) {
    let pid = pid.to_string();
    let run = |command: &str, args: &[&str]| {
        let done = process::Command::new(command).args(args).output().unwrap();
        assert!(done.status.success(), "{command} {args:?}: {done:?}");
    };
    if busy {
        run("renice", &["-n", "5", "-p", &pid]);
        run("renice", &["-n", "0", "-p", &pid]);
    } else {
        run("chrt", &["-r", "-p", "1", &pid]);
        run("chrt", &["-o", "-p", "0", &pid]);
    }
}

/// Creating one never fails; who is above the limit counts as where it is.
#[test]
fn more_groups_than_are_counted_harm_nobody() {
    let scheduler = Scheduler::shared();
    let groups = Groups::open();
    groups.assert_empty("before");
    let outer = busy("meta_outer", 100, 0, None);
    let most = abi::meta_limits_META_MAX_GROUPS as usize;
    fs::write("/sys/fs/cgroup/meta_outer/cgroup.subtree_control", "+cpu").unwrap();
    let path = |n| format!("/sys/fs/cgroup/meta_outer/g{n}");
    for n in 0..most {
        fs::create_dir(path(n)).unwrap();
    }
    assert_eq!(groups.counts().1, most - 1);
    let mut beyond = outer.nested("beyond");
    beyond.write("cpu.weight", "10000");
    beyond.hog(Some(CPU));
    let beside = busy("meta_beside", 100, 1, Some(CPU));
    let all = [&outer, &beside];
    scheduler.only(cast("eevdf"));
    // Neither has a slot: one counts as its parent, the other as in the root.
    assert_shares("beyond", all, [1.0, 1.0]);
    drop((beyond, beside));
    for n in 0..most {
        fs::remove_dir(path(n)).unwrap();
    }
    drop(outer);
    groups.assert_empty("eevdf");
}

/// Where no cgroup has the cpu controller, nothing is counted, and so nothing written.
#[test]
fn tasks_in_the_root_are_not_counted() {
    let scheduler = Scheduler::shared();
    let groups = Groups::open();
    scheduler.only(policy("eevdf"));
    let hogs = crate::loads::hogs(4);
    thread::sleep(Duration::from_millis(300));
    let (counted, _) = groups.counts();
    drop(hogs);
    assert!(
        counted.is_empty(),
        "{} groups count somebody",
        counted.len()
    );
}
