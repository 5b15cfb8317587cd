// SPDX-License-Identifier: GPL-2.0-only
//! Which tasks should get another home, so that every domain of `rusty` has its
//! share of the load. Pure.
//!
//! Load goes from the domain that has most of it, a CPU, to the one that has
//! least, first between NUMA nodes and then within each. Of the tasks that may
//! go, the one is taken that leaves the two most even; when none makes them
//! more even by more than the tolerance, that is it.

use crate::domains::Domain;

/// How uneven nodes and domains may stay, as a part of the mean load: moving
/// between nodes costs a task its memory, not only its cache.
const BETWEEN_NODES: f64 = 0.17;
const WITHIN_NODE: f64 = 0.05;

/// The kernel's weight of nice 0.
const DEFAULT_WEIGHT: f64 = 100.0;

/// The cap of `loads` is found when a round moves it by less than this part: after
/// the more rounds the fewer CPUs are left for those below it.
const CAP_PRECISION: f64 = 0.001;
const CAP_ROUNDS: usize = 1000;

/// A task that ran in a round.
#[derive(Clone, Copy, Debug)]
pub struct Task {
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
pub struct Move {
    /// The task.
    pub pid: u32,
    /// Id of its new domain.
    pub to: usize,
}

/// What each task weighs. On a machine with CPU time to spare everybody gets
/// what he wants, so that is his load. On a saturated one weights decide; but
/// nobody can use more than one CPU, so a weight counts only up to what gives
/// one CPU's part of the whole.
fn loads(tasks: &[Task], cpus: usize, saturated: bool) -> Vec<f64> {
    if !saturated {
        return tasks.iter().map(|task| task.duty).collect();
    }
    let mut cap = f64::INFINITY;
    let mut loads = Vec::new();
    for _ in 0..CAP_ROUNDS {
        loads = tasks
            .iter()
            .map(|task| task.duty * (f64::from(task.weight) / DEFAULT_WEIGHT).min(cap))
            .collect();
        let fitting = loads.iter().sum::<f64>() / cpus as f64;
        if cap - fitting <= CAP_PRECISION * fitting {
            break;
        }
        cap = fitting;
    }
    loads
}

struct Balancer<'a> {
    domains: &'a [Domain],
    tasks: &'a [Task],
    loads: Vec<f64>,
    /// Domain of each task, moves included.
    homes: Vec<usize>,
}

/// Domains among which load is evened, as one.
type Unit = Vec<usize>;

impl Balancer<'_> {
    fn cpus(&self, unit: &Unit) -> f64 {
        unit.iter()
            .map(|id| self.domains[*id].cpus.len())
            .sum::<usize>() as f64
    }

    fn load(&self, unit: &Unit) -> f64 {
        let tasks = self.homes.iter().zip(&self.loads);
        tasks
            .filter(|(home, _)| unit.contains(home))
            .map(|(_, load)| load)
            .sum()
    }

    /// The domain of `unit` with the least load a CPU that the task may have.
    fn place(&self, task: usize, unit: &Unit) -> Option<usize> {
        let allowed = unit
            .iter()
            .filter(|id| self.tasks[task].allowed & (1 << **id) != 0);
        let a_cpu = |id: &usize| self.load(&vec![*id]) / self.cpus(&vec![*id]);
        allowed
            .copied()
            .min_by(|a, b| a_cpu(a).total_cmp(&a_cpu(b)))
    }

    /// Moves one task from one unit to another if that makes them more even by
    /// `least`.
    fn move_one(&mut self, from: &Unit, to: &Unit, mean: f64, least: f64) -> bool {
        let over = self.load(from) - mean * self.cpus(from);
        let under = mean * self.cpus(to) - self.load(to);
        let before = over.abs() + under.abs();
        let best = (0..self.tasks.len())
            // A task is moved once a round at most.
            .filter(|task| {
                from.contains(&self.homes[*task]) && self.homes[*task] == self.tasks[*task].home
            })
            .filter(|task| {
                to.iter()
                    .any(|id| self.tasks[*task].allowed & (1 << *id) != 0)
            })
            .filter_map(|task| {
                let load = self.loads[task];
                let after = (over - load).abs() + (under - load).abs();
                (before - after > least).then_some((task, after))
            })
            .min_by(|(_, a), (_, b)| a.total_cmp(b));
        let Some((task, to)) = best.and_then(|(task, _)| Some((task, self.place(task, to)?)))
        else {
            return false;
        };
        self.homes[task] = to;
        true
    }

    fn even(&mut self, units: &[Unit], tolerance: f64) {
        let cpus: f64 = units.iter().map(|unit| self.cpus(unit)).sum();
        let load: f64 = units.iter().map(|unit| self.load(unit)).sum();
        if units.len() < 2 || cpus == 0.0 || load == 0.0 {
            return;
        }
        let mean = load / cpus;
        for _ in 0..self.tasks.len() {
            let mut by_load: Vec<(f64, &Unit)> = units
                .iter()
                .filter(|unit| self.cpus(unit) > 0.0)
                .map(|unit| (self.load(unit) / self.cpus(unit), unit))
                .collect();
            by_load.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            let moved = by_load.iter().rev().any(|(most, from)| {
                *most > mean * (1.0 + tolerance)
                    && by_load.iter().any(|(least, to)| {
                        *least < mean
                            && self.move_one(from, to, mean, tolerance * mean * self.cpus(from))
                    })
            });
            if !moved {
                return;
            }
        }
    }
}

/// The moves that even the load.
pub fn moves(domains: &[Domain], tasks: &[Task], saturated: bool) -> Vec<Move> {
    let cpus = domains.iter().map(|domain| domain.cpus.len()).sum();
    let mut balancer = Balancer {
        domains,
        tasks,
        loads: loads(tasks, cpus, saturated),
        homes: tasks.iter().map(|task| task.home).collect(),
    };
    let mut nodes: Vec<u8> = domains.iter().map(|domain| domain.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let of_node = |node: &u8| -> Unit {
        (0..domains.len())
            .filter(|id| domains[*id].node == *node)
            .collect()
    };
    let nodes: Vec<Unit> = nodes.iter().map(of_node).collect();
    balancer.even(&nodes, BETWEEN_NODES);
    for node in &nodes {
        let alone: Vec<Unit> = node.iter().map(|id| vec![*id]).collect();
        balancer.even(&alone, WITHIN_NODE);
    }
    let homes = balancer.homes.iter().zip(tasks);
    homes
        .filter(|(home, task)| **home != task.home)
        .map(|(home, task)| Move {
            pid: task.pid,
            to: *home,
        })
        .collect()
}

#[cfg(test)]
mod tests {
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
}
