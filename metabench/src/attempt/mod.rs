// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench try -- CMD`: one command line under EEVDF, under every policy and under an equal
//! rotation, interleaved. What comes of it is one sentence, and the line to paste.

mod rows;
mod verdict;

use std::time::Duration;

use anyhow::{ensure, Context, Result};
use evidence::raw::Raw;
use evidence::sample::Summary;
use labkit::charge::others::Others;
use scx_meta::weights;

use crate::estimate;
use crate::record::{Record, Stage};
use crate::trial::args::Common;
use crate::trial::files::{self, Destination};
use crate::trial::session::{self, Moment, Next, Wanted};

const EXAMPLES: &str = "\
Examples:
  sudo scx_metabench try -- make -j4
  sudo scx_metabench try --metric 'Requests/sec: +([0-9.]+)' --unit requests/s \\
    -- wrk -t2 -c20 -d5s http://localhost:8080/
  sudo scx_metabench try --metric 'p99 ([0-9.]+)' --unit ms --lower-is-better -- ./ask";

/// Options of `try`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What to read from the command's output: a regular expression with one group, a number
    /// [default: nothing; the command's run time counts]
    #[arg(long, value_name = "REGEX")]
    metric: Option<String>,

    /// The metric is a time, or something else of which less is better
    #[arg(long, requires = "metric")]
    lower_is_better: bool,

    /// What the metric counts, for the table
    #[arg(long, value_name = "UNIT", requires = "metric")]
    unit: Option<String>,

    /// Super-blocks: so many blocks under each policy, and twice as many under EEVDF
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,

    /// A block lasts no less than this: the command runs again until then; 0s: it runs once
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = parse_block)]
    block: Duration,

    /// Length of the equal rotation; the unit (us, ms, s) is required
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = weights::parse_duration)]
    period: Duration,

    /// How to measure
    #[command(flatten)]
    common: Common,

    /// Other schedulers
    #[command(flatten)]
    outside: Others,

    /// The command; each run is let to its end
    #[arg(last = true, value_name = "CMD", required_unless_present = "from")]
    command: Vec<String>,
}

/// No block is longer than those of a workload may be.
const BLOCK_MAX: Duration = Duration::from_secs(3600);

fn parse_block(text: &str) -> Result<Duration> {
    let block = weights::parse_duration(text)?;
    ensure!(block <= BLOCK_MAX, "{text} is more than an hour");
    Ok(block)
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let wanted = || {
        let application = rows::application(args)?;
        Ok(Wanted {
            workload: rows::workload(&application)?,
            subjects: vec![(application, true)],
            rows: rows::rows(args)?,
            rounds: args.rounds,
            raw: Destination::Nowhere,
            twins: None,
            lead: Duration::ZERO,
            signals: false,
        })
    };
    session::run(Stage::Try, &args.common, wanted, &mut |raws, moment| {
        if moment == Moment::End {
            let outcome = estimate::outcome(raws)?;
            let subject = outcome.subjects.first().context("nothing was measured")?;
            print!(
                "{}",
                verdict::text(&outcome, subject, rotation_seconds(raws)?)
            );
        }
        Ok(Next::More)
    })
}

/// How long a block of a rotation took, in the middle; none if nothing rotated.
fn rotation_seconds(raws: &[Raw<Record>]) -> Result<Option<f64>> {
    let blocks = raws.iter().flat_map(files::blocks);
    // Only a rotation has phases.
    let rotations = blocks.filter(|block| block.phase_us.is_some());
    let seconds: Vec<f64> = rotations.map(|block| block.seconds).collect();
    match &seconds[..] {
        [] => Ok(None),
        some => Ok(Some(Summary::of(some)?.median)),
    }
}
