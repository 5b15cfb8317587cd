// SPDX-License-Identifier: GPL-2.0-only
//! The blocks of all boots, sorted: for each subject its complete super-blocks, in which each row
//! and both EEVDF blocks are there. What is in an incomplete one has nothing to be compared with.

use std::collections::BTreeMap;
use std::iter;

use anyhow::{bail, ensure, Context, Result};
use evidence::raw::Raw;
use labkit::machine::Machine;

use super::boots;
use crate::record::{Block, Plan, Record, Row, Subject};
use crate::trial::files;

pub(crate) struct Trial<'a> {
    pub(crate) machine: &'a Machine,
    /// Of the first boot.
    pub(crate) plan: &'a Plan,
    pub(crate) boots: usize,
    /// Why some of what was planned is missing.
    pub(crate) cut: Vec<String>,
    /// Those that have a complete super-block, in the plan's order.
    pub(crate) subjects: Vec<SubjectBlocks<'a>>,
}

pub(crate) struct SubjectBlocks<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) rows: &'a [Row],
    /// The loads of each block, by name.
    pub(crate) parts: Vec<&'a str>,
    /// Complete ones only, numbered through all boots.
    pub(crate) super_blocks: Vec<SuperBlock<'a>>,
}

/// EEVDF, each row once, EEVDF.
pub(crate) struct SuperBlock<'a> {
    pub(crate) first: &'a Block,
    pub(crate) last: &'a Block,
    /// In the plan's order.
    pub(crate) rows: Vec<&'a Block>,
}

impl<'a> SuperBlock<'a> {
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &'a Block> + '_ {
        [self.first, self.last]
            .into_iter()
            .chain(self.rows.iter().copied())
    }
}

impl<'a> Trial<'a> {
    /// Sorts what several boots of one plan measured.
    pub(crate) fn of(raws: &'a [Raw<Record>]) -> Result<Self> {
        let plans = boots::plans(raws)?;
        let plan = *plans.first().context("there is no raw data")?;
        let mut cut = boots::cut(raws);
        let mut subjects = Vec::new();
        for subject in boots::subjects(&plans)? {
            let of_boot = |raw| super_blocks(raw, subject, &plan.rows);
            let super_blocks: Vec<_> = raws.iter().map(of_boot).collect::<Result<_>>()?;
            let super_blocks: Vec<_> = super_blocks.into_iter().flatten().collect();
            let Some(some) = super_blocks.first() else {
                cut.push(format!("{}: no super-block is complete", subject.name));
                continue;
            };
            let blocks = SubjectBlocks {
                subject,
                rows: &plan.rows,
                parts: names(some.first),
                super_blocks,
            };
            blocks.check()?;
            subjects.push(blocks);
        }
        ensure!(
            !subjects.is_empty(),
            "no super-block is complete, so there is nothing to compare: {}",
            cut.join("; ")
        );
        Ok(Self {
            machine: &raws[0].machine,
            plan,
            boots: boots::count(raws, &plans),
            cut,
            subjects,
        })
    }
}

impl SubjectBlocks<'_> {
    /// Number of the row that is called so.
    pub(crate) fn row(&self, label: &str) -> Result<usize> {
        let found = self.rows.iter().position(|row| row.label == label);
        found.with_context(|| {
            let labels: Vec<_> = self.rows.iter().map(|row| &*row.label).collect();
            format!("there is no row `{label}`, only {}", labels.join(", "))
        })
    }

    /// Refuses blocks that no figure can be made of.
    fn check(&self) -> Result<()> {
        for block in self.super_blocks.iter().flat_map(SuperBlock::blocks) {
            let place = place(block);
            ensure!(
                names(block) == self.parts && !self.parts.is_empty(),
                "{place}: its loads are {:?}, those of the first block {:?}",
                names(block),
                self.parts
            );
            for part in &block.parts {
                ensure!(
                    part.throughput.is_finite() && part.throughput >= 0.0,
                    "{place}: {}: {} is no throughput",
                    part.name,
                    part.throughput
                );
            }
        }
        Ok(())
    }
}

pub(crate) fn place(block: &Block) -> String {
    let row = block.row.as_deref().unwrap_or("EEVDF");
    let Block {
        subject,
        round,
        position,
        ..
    } = block;
    format!("{subject}, super-block {round}, position {position} ({row})")
}

fn names(block: &Block) -> Vec<&str> {
    block.parts.iter().map(|part| &*part.name).collect()
}

/// The complete ones of one boot, in order.
fn super_blocks<'a>(
    raw: &'a Raw<Record>,
    subject: &Subject,
    rows: &[Row],
) -> Result<Vec<SuperBlock<'a>>> {
    let mut rounds: BTreeMap<u32, BTreeMap<u32, &Block>> = BTreeMap::new();
    for block in files::blocks(raw).filter(|block| block.subject == subject.name) {
        let round = rounds.entry(block.round).or_default();
        if round.insert(block.position, block).is_some() {
            bail!("{}: it is there twice", place(block));
        }
    }
    rounds
        .values()
        .filter_map(|round| complete(round, rows).transpose())
        .collect()
}

/// The super-block, if everything is there.
fn complete<'a>(round: &BTreeMap<u32, &'a Block>, rows: &[Row]) -> Result<Option<SuperBlock<'a>>> {
    let mut eevdf = Vec::new();
    let mut found: Vec<Option<&Block>> = iter::repeat_n(None, rows.len()).collect();
    for block in round.values() {
        let Some(label) = &block.row else {
            eevdf.push(*block);
            continue;
        };
        let row = rows.iter().position(|row| row.label == *label);
        let row = row.with_context(|| format!("{}: the plan has no such row", place(block)))?;
        if found[row].replace(block).is_some() {
            bail!("{}: its row is there twice", place(block));
        }
    }
    let rows: Option<Vec<_>> = found.into_iter().collect();
    Ok(match (&eevdf[..], rows) {
        (&[first, last], Some(rows)) => Some(SuperBlock { first, last, rows }),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::made::Made;
    use super::*;

    fn error(raws: &[Raw<Record>]) -> String {
        let error = Trial::of(raws).err();
        error.map(|error| format!("{error:#}")).unwrap_or_default()
    }

    /// Index of a block among the records: the plan is the first.
    fn block(raw: &mut Raw<Record>, number: usize) -> &mut Block {
        match &mut raw.records[1 + number] {
            Record::Block(block) => block,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn super_blocks_are_numbered_through_all_boots() {
        let raws = [
            Made::default().raw(),
            Made {
                seed: 2,
                ..Made::default()
            }
            .raw(),
        ];
        let trial = Trial::of(&raws).unwrap();
        assert_eq!((trial.boots, trial.cut.len()), (2, 0));
        let subject = &trial.subjects[0];
        assert_eq!(subject.super_blocks.len(), 16);
        for super_block in &subject.super_blocks {
            assert_eq!(
                (&super_block.first.row, super_block.first.position),
                (&None, 0)
            );
            assert_eq!(
                (&super_block.last.row, super_block.last.position),
                (&None, 3)
            );
            let labels: Vec<_> = super_block.rows.iter().map(|b| b.row.as_deref()).collect();
            assert_eq!(labels, [Some("fifo"), Some("vtime")]);
        }
    }

    #[test]
    fn a_super_block_without_its_last_block_does_not_count() {
        let mut raw = Made::default().raw();
        raw.records.truncate(1 + 8 * 4 - 1);
        let raws = [raw];
        let trial = Trial::of(&raws).unwrap();
        assert_eq!(trial.subjects[0].super_blocks.len(), 7);
        assert_eq!(trial.cut.len(), 1);
    }

    #[test]
    fn without_a_complete_super_block_there_is_nothing_to_say() {
        let mut raw = Made::default().raw();
        raw.records.truncate(1 + 3);
        let error = error(&[raw]);
        assert!(error.contains("web: no super-block is complete"), "{error}");
        assert!(super::Trial::of(&[]).is_err());
    }

    #[test]
    fn blocks_that_cannot_be_sorted_are_named() {
        let with = |change: fn(&mut Block)| {
            let mut raw = Made::default().raw();
            change(block(&mut raw, 5));
            error(&[raw])
        };
        let twice = with(|block| block.position = 2);
        assert!(twice.contains("web, super-block 1, position 2"), "{twice}");
        let unknown = with(|block| block.row = Some("cfs".into()));
        assert!(
            unknown.contains("position 1 (cfs): the plan has no"),
            "{unknown}"
        );
        let parts = with(|block| block.parts[0].name = "other".into());
        assert!(parts.contains("its loads are [\"other\"]"), "{parts}");
        let nan = with(|block| block.parts[0].throughput = f64::NAN);
        assert!(nan.contains("web: NaN is no throughput"), "{nan}");
    }
}
