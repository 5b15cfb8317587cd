// SPDX-License-Identifier: GPL-2.0-only
//! The clocks that a guest of `cargo xtask vm` can have.

use std::fmt;
use std::str::FromStr;

use anyhow::{bail, Error, Result};
use serde::{Deserialize, Serialize};

/// What makes time pass in a guest. As text: `host`, `parallel/flat`, `parallel/calibrated`,
/// `serial`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Clock {
    /// The host's clock: real time, and all of the host's noise.
    #[default]
    Host,
    /// Each virtual CPU has its own time by the instructions that it executed, and they advance
    /// together: parallel, and reproducible.
    Parallel(Costs),
    /// One clock counts instructions, and virtual CPUs take turns on it: reproducible, and no two
    /// of them ever run at the same time.
    Serial,
}

/// What an instruction costs on the parallel clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Costs {
    /// Each as much as any other.
    #[default]
    Flat,
    /// By its kind, by caches, address spaces and interrupts, fitted to a real machine.
    Calibrated,
}

impl Clock {
    /// Whether the host's load leaves it alone.
    pub fn is_virtual(self) -> bool {
        self != Self::Host
    }

    /// For people: `parallel virtual clock, flat costs`.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Host => "host clock",
            Self::Parallel(Costs::Flat) => "parallel virtual clock, flat costs",
            Self::Parallel(Costs::Calibrated) => "parallel virtual clock, calibrated costs",
            Self::Serial => "serial virtual clock: CPUs take turns on one",
        }
    }
}

impl Costs {
    /// Its name in options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Calibrated => "calibrated",
        }
    }
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Parallel(costs) => write!(f, "parallel/{}", costs.name()),
            Self::Serial => f.write_str("serial"),
        }
    }
}

impl FromStr for Clock {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "host" => Self::Host,
            "parallel" | "parallel/flat" => Self::Parallel(Costs::Flat),
            "parallel/calibrated" => Self::Parallel(Costs::Calibrated),
            "serial" => Self::Serial,
            _ => bail!(
                "`{text}`: expected host, parallel, parallel/flat, parallel/calibrated or serial"
            ),
        })
    }
}

impl TryFrom<String> for Clock {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Clock> for String {
    fn from(clock: Clock) -> Self {
        clock.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_clock_are_the_same_thing() {
        for text in ["host", "parallel/flat", "parallel/calibrated", "serial"] {
            let clock: Clock = text.parse().unwrap();
            assert_eq!(clock.to_string(), text);
            assert_eq!(clock.is_virtual(), text != "host");
        }
        assert_eq!(
            "parallel".parse::<Clock>().unwrap().to_string(),
            "parallel/flat"
        );
        let error = "icount".parse::<Clock>().unwrap_err().to_string();
        assert!(error.contains("`icount`: expected host"), "{error}");
    }
}
