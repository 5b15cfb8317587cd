// SPDX-License-Identifier: GPL-2.0-only
//! Which tasks should get another home, so that every domain of `rusty` has its
//! share of the load. Pure.
//!
//! Load goes from the domain that has most of it, a CPU, to the one that has
//! least, first between NUMA nodes and then within each. Of the tasks that may
//! go, the one is taken that leaves the two most even; when none makes them
//! more even by more than the tolerance, that is it.

use std::cmp::Reverse;

use crate::bpf::abi;
use crate::domains::Domain;

/// How uneven nodes and domains may stay, as a part of the mean load: moving
/// between nodes costs a task its memory, not only its cache.
const BETWEEN_NODES: f64 = 0.17;
const WITHIN_NODE: f64 = 0.05;

/// The kernel's weight of nice 0.
const DEFAULT_WEIGHT: f64 = 100.0;

/// Domains are bits of `Task::allowed`.
const _: () = assert!(abi::meta_limits_META_MAX_DOMAINS <= u64::BITS);

/// Moves of a round: what the kernel's half has room for.
const MOVES: usize = abi::meta_limits_META_RUSTY_MOVES as usize;

/// How often a task is looked at in a round: some ten milliseconds, every two seconds. What is
/// still uneven then is evened in the next round.
const LOOKS: usize = 4_000_000;

/// A task that ran in a round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    /// Its id.
    pub pid: u32,
    /// Id of its domain.
    pub home: usize,
    /// Domains that it may have as home, a bit each.
    pub allowed: u64,
    /// Part of the round in which it ran or waited to.
    pub duty: f64,
    /// Its weight, 100 for nice 0.
    pub weight: u32,
}

/// A task gets another home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Move {
    /// The task.
    pub pid: u32,
    /// Id of its new domain.
    pub to: usize,
}

/// The weight from which on more is of no use on a saturated machine: it gives one CPU's part of
/// the whole. Heavier tasks fill a CPU each, so the others share what these leave.
fn useful_weight(tasks: &[Task], cpus: usize) -> f64 {
    let relative = |task: &Task| f64::from(task.weight) / DEFAULT_WEIGHT;
    let mut tasks: Vec<&Task> = tasks.iter().collect();
    tasks.sort_by_key(|task| Reverse(task.weight));
    let mut shared: f64 = tasks.iter().map(|task| task.duty * relative(task)).sum();
    let mut left = cpus as f64;
    let mut cap = f64::INFINITY;
    for task in tasks {
        cap = relative(task);
        if cap * left <= shared {
            return shared / left;
        }
        shared -= task.duty * cap;
        left -= task.duty;
    }
    // All of them fit, whatever they weigh: they count alike.
    cap
}

/// What each task weighs. On a machine with CPU time to spare everybody gets
/// what he wants, so that is his load. On a saturated one weights decide.
fn loads(tasks: &[Task], cpus: usize, saturated: bool) -> Vec<f64> {
    if !saturated {
        return tasks.iter().map(|task| task.duty).collect();
    }
    let cap = useful_weight(tasks, cpus);
    let weight = |task: &Task| (f64::from(task.weight) / DEFAULT_WEIGHT).min(cap);
    tasks.iter().map(|task| task.duty * weight(task)).collect()
}

/// Domains among which load is evened, as one.
struct Unit {
    domains: Vec<usize>,
    /// The same, a bit each.
    mask: u64,
    cpus: f64,
}

/// Sums are kept, not computed anew for each question: there may be a thousand tasks in each of
/// 64 domains.
struct Balancer<'a> {
    domains: &'a [Domain],
    tasks: &'a [Task],
    /// Of each task.
    loads: Vec<f64>,
    /// Of each domain, moves included.
    sums: Vec<f64>,
    /// By domain, the tasks that may still leave it: one is moved once a round at most.
    movable: Vec<Vec<usize>>,
    moves: Vec<Move>,
    looks_left: usize,
}

impl<'a> Balancer<'a> {
    fn new(domains: &'a [Domain], tasks: &'a [Task], loads: Vec<f64>) -> Self {
        let mut sums = vec![0.0; domains.len()];
        let mut movable = vec![Vec::new(); domains.len()];
        for (index, task) in tasks.iter().enumerate() {
            sums[task.home] += loads[index];
            movable[task.home].push(index);
        }
        Self {
            domains,
            tasks,
            loads,
            sums,
            movable,
            moves: Vec::new(),
            looks_left: LOOKS,
        }
    }

    fn unit(&self, domains: Vec<usize>) -> Unit {
        Unit {
            mask: domains.iter().fold(0, |mask, id| mask | 1 << id),
            cpus: domains
                .iter()
                .map(|id| self.domains[*id].cpus.len())
                .sum::<usize>() as f64,
            domains,
        }
    }

    fn load(&self, unit: &Unit) -> f64 {
        unit.domains.iter().map(|id| self.sums[*id]).sum()
    }

    fn a_cpu(&self, domain: usize) -> f64 {
        self.sums[domain] / self.domains[domain].cpus.len() as f64
    }

    /// The domain of `unit` with the least load a CPU that the task may have.
    fn place(&self, task: usize, unit: &Unit) -> Option<usize> {
        let allowed = self.tasks[task].allowed;
        let allowed = unit.domains.iter().filter(|id| allowed & (1 << **id) != 0);
        allowed
            .copied()
            .min_by(|a, b| self.a_cpu(*a).total_cmp(&self.a_cpu(*b)))
    }

    /// Of the tasks that may leave `from` for `to`, the one that makes them most even, if it does
    /// so by `least`; its domain and its place in the list of that. Of many small tasks none can do
    /// as much: by its own load, which is half of what it could, is enough.
    fn best(&mut self, from: &Unit, to: &Unit, mean: f64, least: f64) -> Option<(usize, usize)> {
        let over = self.load(from) - mean * from.cpus;
        let under = mean * to.cpus - self.load(to);
        let before = over.abs() + under.abs();
        let mut best = None;
        let mut best_after = before;
        for &home in &from.domains {
            let looks = self.movable[home].len().min(self.looks_left);
            self.looks_left -= looks;
            for (place, &task) in self.movable[home][..looks].iter().enumerate() {
                let load = self.loads[task];
                let after = (over - load).abs() + (under - load).abs();
                let helps = before - after > least.min(load);
                if helps && after < best_after && self.tasks[task].allowed & to.mask != 0 {
                    best = Some((home, place));
                    best_after = after;
                }
            }
        }
        best
    }

    /// Moves one task from one unit to another if that makes them more even by
    /// `least`.
    fn move_one(&mut self, from: &Unit, to: &Unit, mean: f64, least: f64) -> bool {
        let Some((home, place)) = self.best(from, to, mean, least) else {
            return false;
        };
        let task = self.movable[home][place];
        let Some(to) = self.place(task, to) else {
            return false;
        };
        self.movable[home].remove(place);
        self.sums[home] -= self.loads[task];
        self.sums[to] += self.loads[task];
        self.moves.push(Move {
            pid: self.tasks[task].pid,
            to,
        });
        true
    }

    fn even(&mut self, units: &[Unit], tolerance: f64) {
        let cpus: f64 = units.iter().map(|unit| unit.cpus).sum();
        let load: f64 = units.iter().map(|unit| self.load(unit)).sum();
        if units.len() < 2 || cpus == 0.0 || load == 0.0 {
            return;
        }
        let mean = load / cpus;
        while self.looks_left > 0 && self.moves.len() < MOVES {
            let mut by_load: Vec<(f64, &Unit)> = units
                .iter()
                .filter(|unit| unit.cpus > 0.0)
                .map(|unit| (self.load(unit) / unit.cpus, unit))
                .collect();
            by_load.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            let moved = by_load.iter().rev().any(|(most, from)| {
                *most > mean * (1.0 + tolerance)
                    && by_load.iter().any(|(least, to)| {
                        *least < mean && self.move_one(from, to, mean, tolerance * mean * from.cpus)
                    })
            });
            if !moved {
                return;
            }
        }
    }
}

/// The moves that even the load.
pub(super) fn moves(domains: &[Domain], tasks: &[Task], saturated: bool) -> Vec<Move> {
    let cpus = domains.iter().map(|domain| domain.cpus.len()).sum();
    let mut balancer = Balancer::new(domains, tasks, loads(tasks, cpus, saturated));
    let mut nodes: Vec<u8> = domains.iter().map(|domain| domain.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let of_node = |node: &u8| -> Vec<usize> {
        (0..domains.len())
            .filter(|id| domains[*id].node == *node)
            .collect()
    };
    let nodes: Vec<Unit> = nodes.iter().map(|n| balancer.unit(of_node(n))).collect();
    balancer.even(&nodes, BETWEEN_NODES);
    for node in &nodes {
        let alone = node.domains.iter().map(|id| balancer.unit(vec![*id]));
        let alone: Vec<Unit> = alone.collect();
        balancer.even(&alone, WITHIN_NODE);
    }
    balancer.moves
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn domains(nodes: &[u8]) -> Vec<Domain> {
        let domain = |(id, node): (usize, &u8)| Domain {
            node: *node,
            cpus: vec![2 * id, 2 * id + 1],
        };
        nodes.iter().enumerate().map(domain).collect()
    }

    fn hogs(homes: &[usize]) -> Vec<Task> {
        let hog = |(pid, home): (usize, &usize)| Task {
            pid: pid as u32,
            home: *home,
            allowed: u64::MAX,
            duty: 1.0,
            weight: 100,
        };
        homes.iter().enumerate().map(hog).collect()
    }

    /// Tasks by domain after the moves.
    fn counts(domains: &[Domain], tasks: &[Task], moves: &[Move]) -> Vec<usize> {
        let mut counts = vec![0; domains.len()];
        for task in tasks {
            let moved = moves.iter().find(|one| one.pid == task.pid);
            counts[moved.map_or(task.home, |one| one.to)] += 1;
        }
        counts
    }

    #[test]
    fn six_busy_tasks_of_one_cache_become_three_and_three() {
        let (domains, tasks) = (domains(&[0, 0]), hogs(&[0; 6]));
        let moves = moves(&domains, &tasks, true);
        assert_eq!(counts(&domains, &tasks, &moves), [3, 3]);
    }

    #[test]
    fn what_is_as_even_as_it_can_be_stays() {
        for homes in [&[0, 0, 0, 1, 1][..], &[0, 0, 1, 1], &[]] {
            assert_eq!(moves(&domains(&[0, 0]), &hogs(homes), true), []);
        }
        let mut noisy = hogs(&[0, 0, 0, 1, 1]);
        noisy[0].duty = 0.98;
        assert_eq!(moves(&domains(&[0, 0]), &noisy, false), []);
    }

    #[test]
    fn affinity_is_respected() {
        let domains = domains(&[0, 0]);
        let mut tasks = hogs(&[0; 6]);
        tasks[..5].iter_mut().for_each(|task| task.allowed = 1);
        let moves = moves(&domains, &tasks, true);
        assert_eq!(moves, [Move { pid: 5, to: 1 }]);
    }

    #[test]
    fn nodes_are_evened_first_and_then_their_domains() {
        let domains = domains(&[0, 0, 1, 1]);
        let tasks = hogs(&[0; 8]);
        let moves = moves(&domains, &tasks, true);
        assert_eq!(counts(&domains, &tasks, &moves), [2, 2, 2, 2]);
    }

    #[test]
    fn between_nodes_a_little_unevenness_is_left() {
        let homes = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1];
        let tasks = hogs(&homes);
        assert_eq!(moves(&domains(&[0, 1]), &tasks, true), []);
        assert_eq!(moves(&domains(&[0, 0]), &tasks, true).len(), 1);
    }

    /// Half of as many domains as the program can hold have as many tasks as it can list, which may
    /// go anywhere, or nowhere.
    #[test]
    fn a_round_of_the_largest_machine_has_an_end() {
        const BUSY: usize = 32;
        let domains = domains(&[0; 2 * BUSY]);
        let listed = BUSY * abi::meta_limits_META_RUSTY_RECENT as usize;
        let mut tasks = hogs(&(0..listed).map(|index| index % BUSY).collect::<Vec<_>>());
        let began = Instant::now();
        assert_eq!(
            moves(&domains, &tasks, true).len(),
            MOVES,
            "the map has room for as many"
        );
        tasks
            .iter_mut()
            .for_each(|task| task.allowed = 1 << task.home);
        assert_eq!(moves(&domains, &tasks, true), []);
        let took = began.elapsed();
        println!("both rounds took {took:?}");
        assert!(took < Duration::from_secs(10), "{took:?}");
    }

    #[test]
    fn tasks_that_fit_count_alike_whatever_they_weigh() {
        let mut tasks = hogs(&[0; 3]);
        tasks[0].weight = 10_000;
        tasks[1].weight = 1;
        let loads = loads(&tasks, 8, true);
        assert!(loads.iter().all(|load| *load == loads[0]), "{loads:?}");
    }

    #[test]
    fn many_heavy_tasks_are_capped_at_a_cpu_each() {
        let mut tasks = hogs(&[0; 70]);
        tasks[..60].iter_mut().for_each(|task| task.weight = 10_000);
        let loads = loads(&tasks, 64, true);
        // Sixty CPUs for the heavy ones, four for ten others: 2.5 each.
        assert!((2.4..2.7).contains(&loads[0]), "{}", loads[0]);
    }

    #[test]
    fn weights_count_on_a_saturated_machine_up_to_a_cpu() {
        let mut tasks = hogs(&[0, 0, 1, 1, 1, 1]);
        tasks[..2].iter_mut().for_each(|task| task.weight = 10_000);
        // Two tasks of any weight fill the two CPUs of their domain, and the
        // others share the other two.
        assert_eq!(moves(&domains(&[0, 0]), &tasks, true), []);
        assert_eq!(moves(&domains(&[0, 0]), &tasks, false).len(), 1);
    }

    mod properties {
        use std::collections::HashSet;

        use proptest::collection;
        use proptest::prelude::*;

        use super::*;

        /// What others wrote to the map among them; `home` is checked where it is read.
        fn tasks(homes: usize) -> impl Strategy<Value = Vec<Task>> {
            let duty = prop_oneof![0.0..=1.0, Just(0.0), Just(1.0), 0.0..1e10];
            let weight = prop_oneof![Just(100), 1..=10_000u32, any::<u32>()];
            let allowed = prop_oneof![Just(u64::MAX), any::<u64>(), Just(0)];
            let task = (0..homes, allowed, duty, weight);
            collection::vec(task, 0..40).prop_map(|rows| {
                let tasks = (0..).zip(rows);
                tasks
                    .map(|(pid, (home, allowed, duty, weight))| Task {
                        pid,
                        home,
                        allowed,
                        duty,
                        weight,
                    })
                    .collect()
            })
        }

        proptest! {
            #[test]
            fn each_task_moves_once_at_most_and_only_where_it_may(
                (domains, tasks) in collection::vec(0..3u8, 1..6)
                    .prop_flat_map(|nodes| (Just(domains(&nodes)), tasks(nodes.len()))),
                saturated: bool,
            ) {
                let moves = moves(&domains, &tasks, saturated);
                let movers: HashSet<u32> = moves.iter().map(|one| one.pid).collect();
                prop_assert_eq!(movers.len(), moves.len());
                for one in moves {
                    let task = &tasks[one.pid as usize];
                    prop_assert!(one.to != task.home && one.to < domains.len());
                    prop_assert!(task.allowed & (1 << one.to) != 0);
                }
            }
        }
    }
}
