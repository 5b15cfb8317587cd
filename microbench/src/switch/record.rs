// SPDX-License-Identifier: GPL-2.0-only
//! The raw data of `bench switch`. Times are nanoseconds of CLOCK_MONOTONIC, or durations in
//! nanoseconds where the name does not say `at`.

use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Record {
    /// Defaults of the machine and the loader.
    Settings(Settings),
    Replacement(Replacement),
    /// One loaded program replaced by another, in one process.
    Preloaded(Preloaded),
    /// Turns of a running rotation.
    Flips(Flips),
    /// Flips that user space asked for.
    Decided(Decided),
    /// A probe's wake-ups beside flips.
    Probe(Probe),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Load {
    /// A sleeper bound to each CPU that wakes up every millisecond, so that something runs.
    Idle,
    Moderate,
    /// Four busy tasks a CPU.
    Saturated,
}

impl Load {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Moderate => "moderate",
            Self::Saturated => "saturated",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// `drain` or `adopt`: what scx_meta does without `--handover`.
    pub(crate) default_handover: String,
    pub(crate) slice_us: u32,
    /// Timer interrupts of a busy CPU in a second.
    pub(crate) ticks_per_second: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Replacement {
    pub(crate) from: String,
    pub(crate) to: String,
    /// Both are scx_meta with one policy each.
    pub(crate) is_meta: bool,
    pub(crate) load: Load,
    /// The signal is sent.
    pub(crate) asked_at: u64,
    /// The kernel's own scheduler was seen in charge.
    pub(crate) disabled_at: u64,
    pub(crate) exited_at: u64,
    pub(crate) spawned_at: u64,
    /// The kernel was seen to enable the new scheduler.
    pub(crate) enabling_at: Option<u64>,
    /// The new scheduler was seen in charge.
    pub(crate) enabled_at: u64,
    /// The first task of the new policy ran; nobody tells of a foreign scheduler.
    pub(crate) first_at: Option<u64>,
    /// Tasks of the new policy ran on 95 % of the CPUs in use.
    pub(crate) most_at: Option<u64>,
    /// Bypasses of the new scheduler until it was in charge.
    pub(crate) bypasses: Option<u64>,
    pub(crate) bypass_ns: Option<u64>,
    /// How far the kernel's count of enabled schedulers rose.
    pub(crate) enable_seq: u64,
}

/// A replacement by a program that was loaded beforehand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Preloaded {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) load: Load,
    /// Detaching begins.
    pub(crate) asked_at: u64,
    pub(crate) detached_at: u64,
    pub(crate) attached_at: u64,
    /// The first task of the new policy ran.
    pub(crate) first_at: Option<u64>,
    /// Tasks of the new policy ran on 95 % of the CPUs in use.
    pub(crate) most_at: Option<u64>,
    /// How far the kernel's count of enabled schedulers rose.
    pub(crate) enable_seq: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) policies: Vec<String>,
    pub(crate) handover: String,
    pub(crate) load: Load,
    /// Length of a turn; 0: the rotation is held.
    pub(crate) turn_us: u32,
}

/// Turns of a rotation, oldest first, none missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Flips {
    pub(crate) case: Case,
    pub(crate) turns: Vec<Turn>,
    pub(crate) counted: Counted,
}

/// A turn: from, to, entered at, flip, hand-over, first task, 95 % of CPUs, length. Zero times did
/// not happen in this turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "TurnRow")]
pub(crate) struct Turn {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) entered_at: u64,
    pub(crate) flip_ns: u64,
    pub(crate) handover_ns: u64,
    pub(crate) first_ns: u64,
    pub(crate) most_ns: u64,
    pub(crate) length_ns: u64,
}

type TurnRow = (String, String, u64, u64, u64, u64, u64, u64);

impl From<Turn> for TurnRow {
    fn from(turn: Turn) -> Self {
        (
            turn.from,
            turn.to,
            turn.entered_at,
            turn.flip_ns,
            turn.handover_ns,
            turn.first_ns,
            turn.most_ns,
            turn.length_ns,
        )
    }
}

/// The kernel's counts from load to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counted {
    /// Bypasses; unknown before kernel 6.18.
    pub(crate) bypasses: Option<u64>,
    pub(crate) enable_seq: u64,
}

/// Flips that user space asked for, by a pin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Decided {
    pub(crate) case: Case,
    /// When user space decided, and the turn that came of it.
    pub(crate) decisions: Vec<(u64, Turn)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Probe {
    /// Which rotation; one policy that is held is a control.
    pub(crate) case: Case,
    /// The probe was a real-time task, which no policy makes wait: what it waits for is the
    /// machine. A control as well.
    pub(crate) real_time: bool,
    /// Turns of the rotation, or those that would have begun, had it not been held.
    pub(crate) flips: Vec<ProbeFlip>,
    /// When a wake-up was due, and how late it was. In order of being due.
    pub(crate) wakes: Vec<(u64, u64)>,
    pub(crate) counted: Counted,
    /// Part of the CPUs' time in which they were busy.
    pub(crate) busy: f64,
}

/// When a turn began, and whose it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProbeFlip {
    pub(crate) at: u64,
    pub(crate) to: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_a_short_row() {
        let turn = Turn {
            from: "fifo".into(),
            to: "vtime".into(),
            entered_at: 10,
            flip_ns: 1,
            handover_ns: 2,
            first_ns: 3,
            most_ns: 4,
            length_ns: 50,
        };
        let text = serde_json::to_string(&turn).unwrap();
        assert_eq!(text, r#"["fifo","vtime",10,1,2,3,4,50]"#);
        assert_eq!(serde_json::from_str::<Turn>(&text).unwrap(), turn);
    }
}
