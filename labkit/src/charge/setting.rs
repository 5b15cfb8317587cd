// SPDX-License-Identifier: GPL-2.0-only
//! Who decides during a block.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A policy by name, and its share.
pub type Weight = (String, u32);

/// Who decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Setting {
    /// The kernel's own scheduler; scx_meta is not loaded.
    Eevdf,
    /// scx_meta, pinned to one policy.
    Hold {
        /// Its name.
        policy: String,
    },
    /// scx_meta chooses by itself.
    Auto {
        /// What it is told: `--auto=eevdf,fifo`, `--goal`, ….
        options: Vec<String>,
    },
    /// scx_meta chooses by itself, and goes on from what it knew when another setting was put in charge.
    Choose,
    /// Somebody else's scheduler.
    Outside {
        /// Its program and options.
        command: Vec<String>,
    },
    /// scx_meta switches.
    Rotate {
        /// Shares of the rotation.
        weights: Vec<Weight>,
        /// Length of the rotation.
        period_us: u32,
    },
    /// A scheduler's process replaces another's, as the paper did it.
    Replace {
        /// Shares of the rotation.
        weights: Vec<Weight>,
        /// Length of the rotation.
        period_us: u32,
    },
    /// scx_meta switches between two rows of one policy: a control, from a build of its own.
    Twins {
        /// What that build calls the rows.
        weights: Vec<Weight>,
        /// Length of the rotation.
        period_us: u32,
    },
}

impl Setting {
    /// Length of the rotation, if there is one.
    pub fn period_us(&self) -> Option<u32> {
        match self {
            Self::Eevdf
            | Self::Hold { .. }
            | Self::Auto { .. }
            | Self::Choose
            | Self::Outside { .. } => None,
            Self::Rotate { period_us, .. }
            | Self::Replace { period_us, .. }
            | Self::Twins { period_us, .. } => Some(*period_us),
        }
    }

    /// One scheduler has all of the time.
    pub fn is_one(&self) -> bool {
        matches!(self, Self::Eevdf | Self::Hold { .. } | Self::Outside { .. })
    }

    /// Shares of the rotation; none where nothing rotates.
    pub fn weights(&self) -> &[Weight] {
        match self {
            Self::Eevdf
            | Self::Hold { .. }
            | Self::Auto { .. }
            | Self::Choose
            | Self::Outside { .. } => &[],
            Self::Rotate { weights, .. }
            | Self::Replace { weights, .. }
            | Self::Twins { weights, .. } => weights,
        }
    }
}

/// `EEVDF`, `fifo`, `fifo 695 : vtime 305, rotation of 100 ms`.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self {
            Self::Eevdf => return f.write_str("EEVDF"),
            Self::Hold { policy } => return f.write_str(policy),
            Self::Auto { options } => return f.write_str(&options.join(" ")),
            Self::Choose => return f.write_str("auto"),
            Self::Outside { command } => return f.write_str(&command.join(" ")),
            Self::Rotate { .. } => "",
            Self::Replace { .. } => ", replacing processes",
            Self::Twins { .. } => ", two rows of one policy",
        };
        let total: u64 = self.weights().iter().map(|(_, w)| u64::from(*w)).sum();
        for (i, (policy, weight)) in self.weights().iter().enumerate() {
            let percent = 100.0 * f64::from(*weight) / total.max(1) as f64;
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{policy} {percent:.1} %")?;
        }
        let period_ms = f64::from(self.period_us().unwrap_or_default()) / 1000.0;
        write!(f, "; rotation of {period_ms} ms{how}")
    }
}
