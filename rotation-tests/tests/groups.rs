// SPDX-License-Identifier: GPL-2.0-only
//! A cgroup gets its weight's share whatever the number of its tasks, and every count is taken back.

use proptest::prelude::*;
use rotation_tests::groups::{levels, one, weigh_by, weight_of, Groups};

/// Above any sum of weights that a test can reach.
const NEVER: u64 = 1 << 40;

/// What becomes of groups and tasks; indices are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Make { parent: usize, written: u32 },
    Write { group: usize, written: u32 },
    Wake { group: usize, weight: u32 },
    Sleep { task: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (any::<usize>(), 1_u32..=10_000)
            .prop_map(|(parent, written)| Step::Make { parent, written }),
        (any::<usize>(), 1_u32..=10_000)
            .prop_map(|(group, written)| Step::Write { group, written }),
        (any::<usize>(), 3_u32..=88_761).prop_map(|(group, weight)| Step::Wake { group, weight }),
        any::<usize>().prop_map(|task| Step::Sleep { task }),
    ]
}

/// Groups, and their runnable tasks: each with its group and weight.
#[derive(Default)]
struct Machine {
    groups: Groups,
    /// The level of each, the root's first.
    levels: Vec<u32>,
    tasks: Vec<(u32, u32)>,
}

impl Machine {
    fn new() -> Self {
        Self {
            levels: vec![0],
            ..Self::default()
        }
    }

    fn make(&mut self, parent: usize, written: u32) -> u32 {
        let parent = parent % self.levels.len();
        if self.levels[parent] == levels() {
            return parent as u32;
        }
        let slot = self.levels.len() as u32;
        self.levels.push(self.levels[parent] + 1);
        self.groups.at(slot).parent = parent as u32;
        self.groups.at(slot).weight = weight_of(written);
        slot
    }

    fn wake(&mut self, group: u32, weight: u32) {
        self.tasks.push((group, weight));
        self.groups.at(group).tasks += u64::from(weight);
        self.groups.settle(group);
    }

    fn sleep(&mut self, task: usize) {
        let (group, weight) = self.tasks.swap_remove(task);
        self.groups.at(group).tasks -= u64::from(weight);
        self.groups.settle(group);
    }

    fn step(&mut self, step: &Step) {
        let slot = |group: usize, machine: &Self| (group % machine.levels.len()) as u32;
        match *step {
            Step::Make { parent, written } => {
                self.make(parent, written);
            }
            Step::Write { group, written } => {
                let group = slot(group, self);
                if group > 0 {
                    self.groups.at(group).weight = weight_of(written);
                    self.groups.settle(group);
                }
            }
            Step::Wake { group, weight } => self.wake(slot(group, self), weight),
            Step::Sleep { task } if !self.tasks.is_empty() => self.sleep(task % self.tasks.len()),
            Step::Sleep { .. } => {}
        }
    }

    fn is_below(&mut self, mut group: u32, above: u32) -> bool {
        while group != above && group > 0 {
            group = self.groups.at(group).parent;
        }
        group == above
    }

    /// The weights of a group's active children, from its tasks alone.
    fn children(&mut self, group: u32) -> u64 {
        let mut sum = 0;
        for child in 1..self.levels.len() as u32 {
            let tasks = self.tasks.clone();
            let active = tasks.iter().any(|&(at, _)| self.is_below(at, child));
            if active && self.groups.at(child).parent == group {
                sum += u64::from(self.groups.at(child).weight);
            }
        }
        sum
    }

    /// What all tasks in a group and below it weigh in all, to a fraction.
    fn weight_below(&mut self, above: u32) -> f64 {
        let mut sum = 0.0;
        for (group, weight) in self.tasks.clone() {
            if self.is_below(group, above) {
                let (factor, _) = self.groups.factor(group, 0);
                sum += f64::from(weight) * factor as f64 / one() as f64;
            }
        }
        sum
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_parent_counts_its_active_children_and_nothing_when_all_sleep(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut machine = Machine::new();
        for step in &steps {
            machine.step(step);
        }
        for group in 0..machine.levels.len() as u32 {
            let children = machine.children(group);
            prop_assert_eq!(machine.groups.at(group).children, children, "of {}", group);
        }
        while !machine.tasks.is_empty() {
            machine.sleep(0);
        }
        for group in 0..machine.levels.len() as u32 {
            let left = *machine.groups.at(group);
            prop_assert_eq!((left.tasks, left.children, left.counted), (0, 0, 0));
        }
    }

    #[test]
    fn the_tasks_below_a_group_weigh_what_it_weighs(
        tasks in prop::collection::vec((0_usize..6, 15_u32..=9548), 1..100),
        written in prop::array::uniform6(10_u32..=1000),
    ) {
        // Two groups in the root, two below the first, and two below the first of those.
        let mut machine = Machine::new();
        for (parent, written) in [0, 0, 1, 1, 3, 3].into_iter().zip(written) {
            machine.make(parent, written);
        }
        for (group, weight) in tasks {
            machine.wake(group as u32 + 1, weight);
        }
        for top in [1, 2] {
            let active = machine.groups.at(top).counted;
            let expected = f64::from(active);
            let weight = machine.weight_below(top);
            prop_assert!((weight - expected).abs() <= expected / 500.0, "{weight} of {expected}");
        }
    }

    #[test]
    fn a_task_that_is_not_counted_yet_weighs_what_it_will(
        steps in prop::collection::vec(step(), 1..60),
        group: usize,
        weight in 3_u32..=88_761,
    ) {
        let mut machine = Machine::new();
        for step in &steps {
            machine.step(step);
        }
        let group = (group % machine.levels.len()) as u32;
        let before = machine.groups.factor(group, weight);
        machine.wake(group, weight);
        prop_assert_eq!(before, machine.groups.factor(group, 0));
    }

    #[test]
    fn a_weight_is_never_0_and_never_too_large(own: u32, factor in 0..=1_u64 << 43) {
        let weight = weigh_by(own, factor);
        prop_assert!((1..=1 << 20).contains(&weight), "{weight}");
        prop_assert_eq!(weigh_by(own.clamp(1, 1 << 20), one()), own.clamp(1, 1 << 20));
    }

    #[test]
    fn no_load_overflows(
        loads in prop::array::uniform8(0..NEVER),
        weights in prop::array::uniform8(2_u32..=1 << 18),
    ) {
        let mut groups = Groups::default();
        for (level, (load, weight)) in (1..).zip(loads.into_iter().zip(weights)) {
            groups.at(level).parent = level - 1;
            groups.at(level).weight = weight;
            groups.at(level).tasks = load;
        }
        let (factor, _) = groups.factor(8, 0);
        prop_assert!(factor <= 1 << 43);
    }
}

#[test]
fn weights_are_the_kernels() {
    assert_eq!(
        [1, 100, 300, 10_000].map(weight_of),
        [10, 1024, 3072, 102_400]
    );
    assert_eq!(weight_of(u32::MAX), 102_400);
    assert_eq!(weight_of(0), 2);
}

#[test]
fn tasks_in_the_root_weigh_what_they_weigh() {
    let mut machine = Machine::new();
    machine.wake(0, 1024);
    let group = machine.make(0, 100);
    machine.wake(group, 1024);
    machine.wake(group, 1024);
    assert_eq!(machine.groups.factor(0, 0), (one(), false));
    assert_eq!(machine.groups.factor(group, 0), (one() / 2, false));
    assert_eq!(machine.groups.at(0).children, 1024);
}

#[test]
fn who_is_below_an_idle_group_is_idle() {
    let mut machine = Machine::new();
    let outer = machine.make(0, 100);
    let inner = machine.make(outer as usize, 100);
    assert!(!machine.groups.factor(inner, 1).1);
    machine.groups.at(outer).idle = 1;
    assert!(machine.groups.factor(inner, 1).1);
    assert!(!machine.groups.factor(0, 1).1);
}
