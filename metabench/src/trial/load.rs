// SPDX-License-Identifier: GPL-2.0-only
//! Loads: all at the same time, each once, or again and again until the block
//! has its length.
//!
//! A load that runs alone is let to finish its last run. Beside others it is cut as soon as the
//! block is over, and that run does not count: with nobody beside it, it would be another load.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Result};
use labkit::sys;

use super::running::{Ended, Running};
use super::scene::{Pen, Scene};
use super::window;
use crate::reading::Run;
use crate::record::Chosen;
use crate::workload::Load;

/// How often a wait looks whether somebody asked us to stop.
const POLL: Duration = Duration::from_millis(100);

/// What a failed load said last is shown to this length.
const LAST_WORDS_BYTES: usize = 1500;

/// Under what conditions loads run.
#[derive(Clone, Copy)]
pub struct Conditions<'a> {
    /// The block's length; what has a length of its own takes that.
    pub seconds: u64,
    /// Where they run.
    pub folder: &'a Path,
    /// Loads that take longer are ended, with an error.
    pub limit: Option<Duration>,
    /// Beside what.
    pub scene: &'a dyn Scene,
    /// Has somebody asked us to stop?
    pub interrupted: &'a dyn Fn() -> bool,
}

/// What a block's loads did.
#[derive(Debug, Default)]
pub struct Done {
    /// From the first start to the last end that counts.
    pub took: Duration,
    /// Complete runs of each load, at least one.
    pub runs: Vec<Vec<Run>>,
    /// By a scheduler that chooses by itself: at its end, or that of each turn.
    pub chosen: Vec<Chosen>,
}

/// Runs the loads; none if somebody asked us to stop.
pub fn run(loads: &[Load], conditions: &Conditions) -> Result<Option<Done>> {
    let (tell, heard) = mpsc::channel();
    let slots = loads
        .iter()
        .map(|load| Slot::new(load, conditions))
        .collect::<Result<_>>()?;
    let began = sys::monotonic();
    let mut block = Block {
        conditions,
        began,
        slots,
    };
    block.start_idle(&tell)?;
    let mut last_end = began;
    while !block.is_over() {
        if let Ok((who, at)) = heard.recv_timeout(block.patience()) {
            last_end = at;
            block.slots[who].ended(at)?;
            if !block.is_over() {
                block.start_idle(&tell)?;
            }
        }
        if (conditions.interrupted)() {
            return Ok(None);
        }
        block.check_limit()?;
    }
    Ok(Some(Done {
        took: last_end.saturating_sub(began),
        runs: block.slots.into_iter().map(|slot| slot.runs).collect(),
        chosen: Vec::new(),
    }))
}

/// The end of what a load printed, for errors.
fn last_words(said: &str) -> String {
    let said = said.trim_end();
    if said.is_empty() {
        return "it said nothing".into();
    }
    let from = said.len().saturating_sub(LAST_WORDS_BYTES);
    let from = (from..).find(|&at| said.is_char_boundary(at));
    let dots = if from == Some(0) { "" } else { "… " };
    let tail = &said[from.unwrap_or_default()..];
    format!("its last words:\n{dots}{tail}")
}

struct Block<'a> {
    conditions: &'a Conditions<'a>,
    began: Duration,
    slots: Vec<Slot<'a>>,
}

impl Block<'_> {
    fn passed(&self) -> Duration {
        sys::monotonic().saturating_sub(self.began)
    }

    /// Only what repeats needs the block's length to know when it is over.
    fn left(&self) -> Option<Duration> {
        let repeats = self.slots.iter().any(|slot| slot.load.repeat);
        repeats.then(|| Duration::from_secs(self.conditions.seconds).saturating_sub(self.passed()))
    }

    fn is_over(&self) -> bool {
        let passed = self.left().is_none_or(|left| left.is_zero());
        let runs_alone = self.slots.len() == 1 && self.slots[0].running.is_some();
        passed && !runs_alone && self.slots.iter().all(|slot| !slot.runs.is_empty())
    }

    fn patience(&self) -> Duration {
        let left = self.left().filter(|left| !left.is_zero());
        left.map_or(POLL, |left| left.min(POLL))
    }

    /// Starts what does not run and has not run enough.
    fn start_idle(&mut self, tell: &Sender<(usize, Duration)>) -> Result<()> {
        for (who, slot) in self.slots.iter_mut().enumerate() {
            let is_due = slot.load.repeat || slot.runs.is_empty();
            if slot.running.is_none() && is_due {
                slot.start(who, tell, self.conditions)?;
            }
        }
        Ok(())
    }

    fn check_limit(&self) -> Result<()> {
        let Some(limit) = self.conditions.limit.filter(|&limit| self.passed() > limit) else {
            return Ok(());
        };
        let slow = self.slots.iter().find(|slot| slot.running.is_some());
        let what = slot_name(slow);
        bail!("{what} did not end within {} s", limit.as_secs());
    }
}

fn slot_name(slot: Option<&Slot>) -> String {
    slot.map_or_else(|| "the load".into(), Slot::name)
}

/// One load. What runs ends before its pen.
struct Slot<'a> {
    load: &'a Load,
    words: Vec<String>,
    running: Option<Running>,
    runs: Vec<Run>,
    pen: Box<dyn Pen>,
}

impl<'a> Slot<'a> {
    fn new(load: &'a Load, conditions: &Conditions) -> Result<Self> {
        Ok(Self {
            load,
            words: window::fill_in(&load.command, conditions.seconds),
            running: None,
            runs: Vec::new(),
            pen: conditions.scene.pen()?,
        })
    }

    fn start(
        &mut self,
        who: usize,
        tell: &Sender<(usize, Duration)>,
        conditions: &Conditions,
    ) -> Result<()> {
        let (program, arguments) = self
            .words
            .split_first()
            .with_context(|| format!("the load of {} has no command", self.load.name))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(&self.load.environment)
            .current_dir(conditions.folder);
        let running = Running::start(&mut command, &mut *self.pen, who, tell);
        self.running = Some(running.with_context(|| format!("cannot start {}", self.name()))?);
        Ok(())
    }

    fn ended(&mut self, at: Duration) -> Result<()> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        let ended = running.finish(at).with_context(|| self.name())?;
        let Ended { took, status, said } = ended;
        ensure!(
            status.success(),
            "{} failed ({status}); {}",
            self.name(),
            last_words(&said)
        );
        self.runs.push(Run { said, took });
        Ok(())
    }

    fn name(&self) -> String {
        format!(
            "the load of {}, `{}`,",
            self.load.name,
            self.words.join(" ")
        )
    }
}
