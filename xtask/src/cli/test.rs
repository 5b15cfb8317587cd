// SPDX-License-Identifier: GPL-2.0-only
//! `test` and `soak`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use labkit::clock::Clock;

use super::vm::{ClockName, CostsName, Machine};

#[derive(Args)]
pub(crate) struct Test {
    /// Only tests whose names contain one of these, on one kernel
    pub(crate) filter: Vec<String>,
    /// How much
    #[arg(long, value_enum, default_value_t = Tier::Pr)]
    pub(crate) tier: Tier,
    /// Kernel for the guest tests (repeatable) [default: what the tier says]
    #[arg(long, value_name = "K", conflicts_with = "host_only")]
    pub(crate) kernel: Vec<String>,
    /// Only the tests that need no guest
    #[arg(long)]
    pub(crate) host_only: bool,
    /// Only the tests of one machine of tests/machines.toml
    #[arg(long, value_name = "NAME", conflicts_with = "host_only")]
    pub(crate) machine: Option<String>,
    /// Only the rows of the table of faults: prints what each injected, and how long tasks waited
    #[arg(long, conflicts_with_all = ["host_only", "filter"])]
    pub(crate) faults: bool,
    /// Leave the guests up that the run brought up
    #[arg(long)]
    pub(crate) keep: bool,
    /// With --tier nightly: begin anew, whatever an earlier run has done
    #[arg(long)]
    pub(crate) fresh: bool,
    /// With --tier nightly: sched-ext's schtest, built from its repository, runs on scx_meta too
    #[arg(long, value_name = "PATH")]
    pub(crate) schtest: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Soak {
    /// Minutes of this machine, 1 to 1440: after them no round begins, and those under way are
    /// finished (some minutes)
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1440))]
    pub(crate) minutes: u64,
    /// The number from which all faults follow [default: another one each time; it is printed]
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// Only this round of the seed
    #[arg(long, value_name = "K", requires = "seed", conflicts_with = "minutes")]
    pub(crate) round: Option<u64>,
    #[command(flatten)]
    pub(crate) machine: Machine,
    /// What makes the guests' time pass: on a virtual clock (parallel, serial) a round repeats to the
    /// nanosecond
    #[arg(long, value_enum, default_value_t = ClockName::Parallel)]
    clock: ClockName,
    /// With --clock parallel: what an instruction costs
    #[arg(long, value_enum, default_value_t = CostsName::Flat)]
    costs: CostsName,
}

impl Soak {
    pub(crate) fn clock(&self) -> Result<Clock> {
        self.clock.with(self.costs)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
pub(crate) enum Tier {
    /// The tests that need no guest, and one boot: on every save
    Quick,
    /// All tests on 6.18 with short durations, and on 7.3 those of what kernels do differently
    #[default]
    Pr,
    /// All tests on 6.16, 6.18 and 7.3 with long durations, and a release build
    ///
    /// Goes on where an earlier run of the same sources was ended.
    Nightly,
}

impl Tier {
    /// Its profile in .config/nextest.toml.
    pub(crate) fn profile(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Pr => "pr",
            Self::Nightly => "nightly",
        }
    }

    /// The same with the faults alone.
    pub(crate) fn faults_profile(self) -> &'static str {
        match self {
            Self::Quick | Self::Pr => "faults",
            Self::Nightly => "faults-nightly",
        }
    }

    /// Which durations its tests have.
    pub(crate) fn durations(self) -> &'static str {
        match self {
            Self::Quick | Self::Pr => "pr",
            Self::Nightly => "nightly",
        }
    }
}
