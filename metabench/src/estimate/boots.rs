// SPDX-License-Identifier: GPL-2.0-only
//! Several boots of one plan: what must be the same in all of them, and what was cut short.

use std::collections::BTreeSet;
use std::fmt::Debug;

use anyhow::{bail, ensure, Context, Result};
use evidence::raw::Raw;

use crate::record::{Block, Plan, Record, Subject};
use crate::trial::files;

/// The plan of each boot; they ask for the same.
pub(crate) fn plans(raws: &[Raw<Record>]) -> Result<Vec<&Plan>> {
    let plans: Vec<&Plan> = raws
        .iter()
        .zip(1..)
        .map(|(raw, number)| files::plan(raw).with_context(|| format!("raw data {number}")))
        .collect::<Result<_>>()?;
    let Some((first, others)) = plans.split_first() else {
        return Ok(plans);
    };
    for (number, (other, raw)) in (2..).zip(others.iter().zip(&raws[1..])) {
        let differ = || -> Result<()> {
            same("machines", &raws[0].machine, &raw.machine)?;
            same("commands", &first.stage, &other.stage)?;
            same("workloads", &first.workload, &other.workload)?;
            same_list("rows", &first.rows, &other.rows, |row| &row.label)
        };
        differ().with_context(|| format!("raw data 1 and {number} are not of one plan"))?;
    }
    subjects(&plans)?;
    check_no_copies(raws)?;
    Ok(plans)
}

/// Those of all boots: each boot may have measured some of them. Of one name there is one.
pub(crate) fn subjects<'a>(plans: &[&'a Plan]) -> Result<Vec<&'a Subject>> {
    let mut known: Vec<&Subject> = Vec::new();
    for subject in plans.iter().flat_map(|plan| &plan.subjects) {
        match known.iter().find(|known| known.name == subject.name) {
            Some(same) => self::same("subjects", *same, subject)?,
            None => known.push(subject),
        }
    }
    Ok(known)
}

fn same<T: PartialEq + Debug>(what: &str, a: &T, b: &T) -> Result<()> {
    ensure!(a == b, "their {what} differ: {a:?} and {b:?}");
    Ok(())
}

/// Names what differs, not all of both.
fn same_list<T: PartialEq + Debug>(
    what: &str,
    a: &[T],
    b: &[T],
    name: fn(&T) -> &String,
) -> Result<()> {
    let names =
        |list: &[T]| -> Vec<String> { list.iter().map(|item| name(item).clone()).collect() };
    same(what, &names(a), &names(b))?;
    match a.iter().zip(b).find(|(a, b)| a != b) {
        Some((a, b)) => same(what, a, b),
        None => Ok(()),
    }
}

/// The same data twice would look like twice as much. A reproducible machine with the same seed
/// does the same again, to the nanosecond.
fn check_no_copies(raws: &[Raw<Record>]) -> Result<()> {
    let blocks: Vec<Vec<&Block>> = raws
        .iter()
        .map(|raw| files::blocks(raw).collect())
        .collect();
    for (j, later) in blocks.iter().enumerate() {
        let copy_of = blocks[..j].iter().position(|earlier| earlier == later);
        if let Some(i) = copy_of.filter(|_| !later.is_empty()) {
            bail!(
                "raw data {} and {} hold the same blocks: one file given twice, or two boots of a \
                 reproducible machine with the same --seed",
                i + 1,
                j + 1
            );
        }
    }
    Ok(())
}

/// Boots, not files: a trial may be done twice in one. A reproducible machine makes the same
/// boot id each time, but its guest does one trial a boot.
pub(crate) fn count(raws: &[Raw<Record>], plans: &[&Plan]) -> usize {
    if raws.iter().any(|raw| raw.machine.clock.is_virtual()) {
        return raws.len();
    }
    let ids: BTreeSet<_> = plans.iter().map(|plan| &plan.boot_id).collect();
    ids.len()
}

/// Why some of what was planned is missing.
pub(crate) fn cut(raws: &[Raw<Record>]) -> Vec<String> {
    let mut reasons = Vec::new();
    for raw in raws {
        let end = raw.records.iter().find_map(|record| match record {
            Record::End { complete, reason } => Some((*complete, reason)),
            _ => None,
        });
        match end {
            Some((true, _)) => {}
            Some((false, Some(reason))) => reasons.push(reason.clone()),
            Some((false, None)) => reasons.push("it ended early".into()),
            None => reasons.push("it ended without a word: killed, or the machine died".into()),
        }
    }
    reasons.dedup();
    reasons
}

#[cfg(test)]
mod tests {
    use super::super::made::Made;
    use labkit::clock::Clock;

    use super::*;

    fn two() -> [Raw<Record>; 2] {
        [1, 2].map(|seed| {
            Made {
                seed,
                ..Made::default()
            }
            .raw()
        })
    }

    fn plan_mut(raw: &mut Raw<Record>) -> &mut Plan {
        match &mut raw.records[0] {
            Record::Plan(plan) => plan,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_differs_between_boots_is_named() {
        let error = |change: fn(&mut Raw<Record>)| {
            let mut raws = two();
            assert!(plans(&raws).is_ok());
            change(&mut raws[1]);
            format!("{:#}", plans(&raws).unwrap_err())
        };
        let rows = error(|raw| plan_mut(raw).rows[1].label = "nest".into());
        assert_eq!(
            rows,
            "raw data 1 and 2 are not of one plan: their rows differ: [\"fifo\", \"vtime\"] and \
             [\"fifo\", \"nest\"]"
        );
        let subjects = error(|raw| plan_mut(raw).subjects[0].concurrency = 99);
        assert!(
            subjects.contains("their subjects differ: Subject"),
            "{subjects}"
        );
        let machines = error(|raw| raw.machine.cpus = 99);
        assert!(machines.contains("their machines differ"), "{machines}");
        let none = error(|raw| drop(raw.records.remove(0)));
        assert!(none.contains("raw data 2: no plan"), "{none}");
    }

    #[test]
    fn the_same_data_twice_is_refused() {
        let raws = [Made::default().raw(), Made::default().raw()];
        let error = plans(&raws).unwrap_err().to_string();
        assert!(error.contains("1 and 2 hold the same blocks"), "{error}");
    }

    #[test]
    fn boots_are_told_apart_by_their_ids_except_on_a_reproducible_machine() {
        let mut raws = two();
        raws.iter_mut()
            .for_each(|raw| raw.machine.clock = Clock::Host);
        let counted = |raws: &[Raw<Record>]| count(raws, &plans(raws).unwrap());
        assert_eq!(counted(&raws), 2);
        plan_mut(&mut raws[1]).boot_id = plan_mut(&mut raws[0]).boot_id.clone();
        assert_eq!(counted(&raws), 1);
        raws.iter_mut()
            .for_each(|raw| raw.machine.clock = Clock::Serial);
        assert_eq!(counted(&raws), 2);
    }

    #[test]
    fn a_trial_without_its_end_or_with_a_bad_one_is_cut() {
        let mut raws = two();
        assert_eq!(cut(&raws), [""; 0]);
        raws[0].records.pop();
        assert!(cut(&raws)[0].contains("without a word"));
        raws[0].records.push(Record::End {
            complete: false,
            reason: Some("Ctrl-C".into()),
        });
        assert_eq!(cut(&raws), ["Ctrl-C"]);
    }
}
