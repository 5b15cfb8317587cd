// SPDX-License-Identifier: GPL-2.0-only
//! The raw data of all boots, sorted, and found again by what they are of.

use anyhow::{ensure, Context, Result};

use super::record::{Case, Decided, Flips, Load, Preloaded, Probe, Record, Replacement, Settings};

/// The two policies whose flips are compared with their replacement.
pub const PAIR: [&str; 2] = ["fifo", "vtime"];

/// Turns at which the flip itself is measured.
pub const SHORT_US: u32 = 10_000;

/// Turns at which its effect is: what people run.
pub const LONG_US: u32 = 100_000;

/// The raw data of a report, sorted.
#[derive(Default)]
pub struct Data {
    /// Of each boot.
    pub settings: Vec<Settings>,
    /// Of the boot with the costs.
    pub replacements: Vec<Replacement>,
    /// Of the same boot.
    pub preloaded: Vec<Preloaded>,
    /// Of the same boot.
    pub flips: Vec<Flips>,
    /// Of the same boot.
    pub decided: Vec<Decided>,
    /// Of any boot.
    pub probes: Vec<Probe>,
}

impl Data {
    /// Sorts the records of all boots. Costs are compared with each other: they must be of one.
    pub fn of(boots: impl IntoIterator<Item = Vec<Record>>) -> Result<Self> {
        let mut data = Self::default();
        let mut boots_with_costs = 0;
        for records in boots {
            let mut has_costs = false;
            for record in records {
                has_costs |= !matches!(record, Record::Settings(_) | Record::Probe(_));
                match record {
                    Record::Settings(settings) => data.settings.push(settings),
                    Record::Replacement(one) => data.replacements.push(one),
                    Record::Preloaded(one) => data.preloaded.push(one),
                    Record::Flips(flips) => data.flips.push(flips),
                    Record::Decided(decided) => data.decided.push(decided),
                    Record::Probe(probe) => data.probes.push(probe),
                }
            }
            boots_with_costs += usize::from(has_costs);
        }
        ensure!(
            boots_with_costs == 1,
            "replacements and flips come from {boots_with_costs} boots: their ratios must come \
             from one"
        );
        Ok(data)
    }

    /// What the loader does unasked, the same in all boots.
    pub fn default_handover(&self) -> Result<&str> {
        let first = self.settings.first().context("no raw data has settings")?;
        let handover = &first.default_handover;
        ensure!(
            self.settings
                .iter()
                .all(|s| s.default_handover == *handover),
            "boots differ in the default hand-over: the raw data are of different builds"
        );
        Ok(handover)
    }

    /// Turns of the pair of policies.
    pub fn flips_of(&self, handover: &str, load: Load, turn_us: u32) -> Result<&Flips> {
        let wanted = |case: &Case| {
            case.policies == PAIR
                && case.handover == handover
                && case.load == load
                && case.turn_us == turn_us
        };
        let found = self.flips.iter().find(|flips| wanted(&flips.case));
        found.with_context(|| {
            format!(
                "no raw data of flips: {handover}, {}, turns of {turn_us} us",
                load.name()
            )
        })
    }

    /// Flips that user space decided.
    pub fn decided_of(&self, handover: &str, load: Load) -> Result<&Decided> {
        let wanted = |case: &Case| case.handover == handover && case.load == load;
        let found = self.decided.iter().find(|decided| wanted(&decided.case));
        found.with_context(|| format!("no raw data of decided flips: {handover}, {}", load.name()))
    }
}
