// SPDX-License-Identifier: GPL-2.0-only
//! The knobs of the policies that are fixed when the program is loaded. Each is a field here, a line
//! in sched/fill.rs and a variable of the BPF program.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{anyhow, Error, Result};
use clap::{Args, ValueEnum};

use crate::bpf::abi;
use crate::weights;

/// A time from `MIN` to `MAX` microseconds. As a text it is their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Micros<const MIN: u32, const MAX: u32>(Duration);

/// Length of a time slice.
pub type Slice =
    Micros<{ abi::meta_limits_META_MIN_SLICE_US }, { abi::meta_limits_META_MAX_SLICE_US }>;

/// A part of bpfland's deadlines, of virtual time.
pub type Lag = Micros<0, { abi::meta_limits_META_BPFLAND_MAX_LAG_US }>;

impl<const MIN: u32, const MAX: u32> Micros<MIN, MAX> {
    const LEAST: Duration = Duration::from_micros(MIN as u64);
    const MOST: Duration = Duration::from_micros(MAX as u64);

    /// None if it is out of range.
    pub fn new(time: Duration) -> Option<Self> {
        (Self::LEAST..=Self::MOST)
            .contains(&time)
            .then_some(Self(time))
    }

    /// A default; one that is out of range does not compile.
    const fn of_us(us: u32) -> Self {
        assert!(MIN <= us && us <= MAX);
        Self(Duration::from_micros(us as u64))
    }

    /// From a text with a unit, such as `700us` or `3ms`.
    fn with_unit(text: &str) -> Result<Self> {
        Self::new(weights::parse_duration(text)?).ok_or_else(|| {
            let (least, most) = (Self::LEAST, Self::MOST);
            anyhow!("`{text}` is not within {least:?} and {most:?}")
        })
    }

    /// The time.
    pub fn duration(self) -> Duration {
        self.0
    }

    /// In nanoseconds, as the program has all times.
    pub fn ns(self) -> u64 {
        self.0.as_nanos() as u64
    }
}

impl<const MIN: u32, const MAX: u32> FromStr for Micros<MIN, MAX> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let us: i64 = text.parse()?;
        let time = u64::try_from(us).ok().map(Duration::from_micros);
        let time = time.and_then(Self::new);
        time.ok_or_else(|| anyhow!("{us} is not in {MIN}..={MAX}"))
    }
}

impl<const MIN: u32, const MAX: u32> fmt::Display for Micros<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_micros().fmt(f)
    }
}

/// From how far a CPU without work takes tasks of other caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Steal {
    /// From its own NUMA node
    Node,
    /// From anywhere
    Machine,
}

/// What becomes of the tasks that wait when their policy leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Handover {
    /// They stay in its queues; each CPU takes by turns one of them and one of
    /// the new policy's
    Drain,
    /// The new policy takes them over, and running tasks are cut at the next
    /// tick
    Adopt,
}

/// The knobs of the policies that are fixed when the program is loaded. [`Default`] has the values
/// of the command line.
#[derive(Args, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tunables {
    /// Time slice of a task in microseconds, from 100 to 100000
    #[arg(long = "slice-us", value_name = "US", allow_hyphen_values = true, default_value_t = DEFAULT.slice)]
    pub slice: Slice,

    /// What becomes of the tasks that wait when their policy leaves
    #[arg(long, value_name = "HOW", allow_hyphen_values = true, value_enum, default_value_t = DEFAULT.handover)]
    pub handover: Handover,

    /// The CPU that decides for the others under central
    #[arg(long, value_name = "CPU", allow_hyphen_values = true, default_value_t = DEFAULT.central_cpu)]
    pub central_cpu: u32,

    /// From how far a CPU without work takes tasks of other caches under rusty
    #[arg(long, value_name = "HOW", allow_hyphen_values = true, value_enum, default_value_t = DEFAULT.rusty_steal)]
    pub rusty_steal: Steal,

    /// Length of a task's request under eevdf, such as 700us or 3ms, from 100us to 100ms
    /// [default: as in the kernel, 700us, twice that from 2 CPUs on, three times from 4, four
    /// times from 8]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = Slice::with_unit)]
    pub eevdf_base_slice: Option<Slice>,

    /// Time slice of a task under bpfland in microseconds, from 100 to 100000; shorter
    /// for low weights and the more tasks wait
    #[arg(long = "bpfland-slice-us", value_name = "US", allow_hyphen_values = true, default_value_t = DEFAULT.bpfland_slice)]
    pub bpfland_slice: Slice,

    /// So far, in microseconds of virtual time, bpfland puts busy tasks behind those that
    /// sleep; also the credit of a sleeper, for each of its wake-ups in 100 ms; from 0 to
    /// 1000000
    #[arg(long = "bpfland-lag-us", value_name = "US", allow_hyphen_values = true, default_value_t = DEFAULT.bpfland_lag)]
    pub bpfland_lag: Lag,

    /// Under bpfland, tasks that run for less than 10 us at a time stay on their CPU
    #[arg(long)]
    pub bpfland_sticky: bool,

    /// Time slice under cosmos in microseconds, from 100 to 100000; by a task's weight it is longer or
    /// shorter
    #[arg(long = "cosmos-slice-us", value_name = "US", allow_hyphen_values = true, default_value_t = DEFAULT.cosmos_slice)]
    pub cosmos_slice: Slice,

    /// Below this use of a CPU a task that finds none idle under cosmos waits for it, in its local queue;
    /// in percent, from 0 (never) to 95
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, default_value_t = DEFAULT.cosmos_busy_percent, value_parser = clap::value_parser!(u32).range(0..=95))]
    pub cosmos_busy_percent: u32,
}

const DEFAULT: Tunables = Tunables {
    slice: Slice::of_us(abi::meta_limits_META_DFL_SLICE_US),
    handover: Handover::Adopt,
    central_cpu: 0,
    rusty_steal: Steal::Node,
    eevdf_base_slice: None,
    bpfland_slice: Slice::of_us(abi::meta_limits_META_BPFLAND_DFL_SLICE_US),
    bpfland_lag: Lag::of_us(abi::meta_limits_META_BPFLAND_DFL_LAG_US),
    bpfland_sticky: false,
    cosmos_slice: Slice::of_us(abi::meta_limits_META_COSMOS_SLICE_US),
    cosmos_busy_percent: 0,
};

impl Default for Tunables {
    fn default() -> Self {
        DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_within_its_limits_however_it_is_given() {
        let ms = Duration::from_millis;
        assert_eq!("3000".parse::<Slice>().unwrap().ns(), 3_000_000);
        assert_eq!(Slice::with_unit("3ms").unwrap().duration(), ms(3));
        assert_eq!(Slice::new(ms(3)).unwrap().to_string(), "3000");
        for (text, error) in [
            ("99", "99 is not in 100..=100000"),
            ("-1", "-1 is not in 100..=100000"),
            ("100001", "100001 is not in 100..=100000"),
            ("1.5", "invalid digit found in string"),
        ] {
            assert_eq!(text.parse::<Slice>().unwrap_err().to_string(), error);
        }
        let error = Slice::with_unit("99us").unwrap_err().to_string();
        assert_eq!(error, "`99us` is not within 100µs and 100ms");
        assert_eq!(Slice::new(ms(101)), None);
    }
}
