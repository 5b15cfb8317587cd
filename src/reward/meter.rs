// SPDX-License-Identifier: GPL-2.0-only
//! The application's word for somebody who asks now and then, whichever scheduler is in charge.

use anyhow::{ensure, Context, Result};

use super::calls::Calls;
use super::reading::Reading;
use super::{Reward, Source};

/// Reads a source on demand.
pub struct Meter {
    word: Word,
}

enum Word {
    Number(Reading),
    Calls(Calls),
}

impl Meter {
    /// Fails, with the source in the error, if there is nothing to be heard. Calls take root.
    pub fn new(reward: &Reward) -> Result<Self> {
        let source = &reward.source;
        let word = match source {
            Source::Calls { .. } if reward.gauge => Err(anyhow::anyhow!("calls are counted")),
            Source::Calls { binary, symbol } => Calls::of(binary, symbol).map(Word::Calls),
            _ => Reading::new(source.clone(), reward.gauge).map(Word::Number),
        };
        let word = word.with_context(|| source.to_string())?;
        Ok(Self { word })
    }

    /// What it says now: of a counter, or of a level.
    pub fn read(&self) -> Result<f64> {
        match &self.word {
            Word::Number(reading) => {
                let number = reading.now();
                number.with_context(|| reading.source().to_string())
            }
            Word::Calls(calls) => Ok(calls.so_far()? as f64),
        }
    }

    /// What a counter grew by between two readings. Fails if it went back: who counts began anew.
    pub fn growth(before: f64, after: f64) -> Result<f64> {
        ensure!(
            after >= before,
            "the counter went back from {before} to {after}"
        );
        Ok(after - before)
    }
}
