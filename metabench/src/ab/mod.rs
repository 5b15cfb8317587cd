// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench ab`: two or more schedulers on a service that is in production. It brings no load and
//! restarts nothing: schedulers replace each other block by block, in a random order, and what the
//! service says of itself is compared within each round.
//!
//! ```text
//! arm      who takes part: the kernel's own, a policy, auto, somebody else's
//! trial    rounds of blocks, until an interval is narrow enough, a budget is spent, a guard trips
//! word     what the service says in a block; guards that look at numbers
//! answer   intervals over rounds, and a sentence
//! ```

mod answer;
mod arm;
mod entry;
mod guard;
mod trial;
mod word;

use std::env;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use evidence::raw::{self, Raw};
use labkit::charge::others::Others;
use labkit::charge::{Charge, Programs};
use labkit::machine::Machine;
use labkit::{machine, sys};
use scx_meta::reward::{Reward, Source};
use scx_meta::weights;

use self::arm::{Arm, Arms};
use self::entry::{Entry, Plan};
use self::guard::Guard;
use self::word::Word;
use crate::trial::args::Run;
use crate::trial::files::Destination;

const EXAMPLES: &str = "\
Examples:
  sudo scx_metabench ab kernel bpfland --reward uprobe:/usr/sbin/nginx:ngx_http_finalize_request
  sudo scx_metabench ab fifo auto --reward http://localhost:9100/metrics#requests_total --budget 4h
  sudo scx_metabench ab kernel eevdf --reward 'cmd:./p99' --reward-gauge --reward-lower --unit ms \\
    --abort-if worse:50% --abort-if 'file:/run/app/errors>100'";

/// Options of `ab`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Who takes part, the one to compare with first: `kernel` (its own scheduler), a policy of scx_meta, or
    /// `auto`; one that is there twice shows what is noise
    #[arg(value_name = "ARM", required_unless_present = "from")]
    arms: Vec<Arm>,

    /// What the service says of itself: `file:PATH` (a number), `http://HOST[:PORT]/PATH#METRIC` (Prometheus
    /// text), `cmd:COMMAND` (prints a number), or `uprobe:BINARY:SYMBOL` (each call counts)
    #[arg(long, value_name = "SOURCE", required_unless_present = "from")]
    reward: Option<Source>,

    /// The number is a level, of which the mean counts, and not a counter, of which the growth does
    #[arg(long)]
    reward_gauge: bool,

    /// Less is better
    #[arg(long)]
    reward_lower: bool,

    /// What the number counts, for the table [default: of a counter `/s`]
    #[arg(long, value_name = "UNIT")]
    unit: Option<String>,

    /// How long each arm is measured at a time
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_block)]
    block: Duration,

    /// How long an arm is in charge before it is measured
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = weights::parse_duration)]
    settle: Duration,

    /// Ends once every interval is this narrow, after eight rounds and more
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = guard::parse_part)]
    width: f64,

    /// Begins no round that would not end by then
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = weights::parse_duration)]
    budget: Duration,

    /// Ends at once, with the kernel's own scheduler in charge, if a block is so much worse than those of the
    /// first arm (`worse:PERCENT`), or a number, read each second, beyond a limit (`SOURCE>NUMBER`,
    /// `SOURCE<NUMBER`; sources as of --reward, but for calls) (repeatable)
    #[arg(long, value_name = "CONDITION")]
    abort_if: Vec<Guard>,

    /// Options of scx_meta for the arm `auto` [default: `--auto` and the same --reward]
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    auto_options: Option<String>,

    /// How to measure
    #[command(flatten)]
    run: Run,

    /// Other schedulers
    #[command(flatten)]
    outside: Others,
}

/// Shorter ones are mostly change.
const BLOCK_MIN: Duration = Duration::from_millis(100);

fn parse_block(text: &str) -> Result<Duration> {
    let block = weights::parse_duration(text)?;
    ensure!(block >= BLOCK_MIN, "{text} is less than {BLOCK_MIN:?}");
    Ok(block)
}

/// To be called from the main thread.
pub(crate) fn run(args: &Args) -> Result<()> {
    if !args.run.from.is_empty() {
        for path in &args.run.from {
            let raw = raw::read_unfinished(path)?;
            let said = answer::text(&raw).with_context(|| path.display().to_string());
            print!("{}", said?);
        }
        return Ok(());
    }
    let reward = Reward {
        source: args.reward.clone().context("--reward is missing")?,
        gauge: args.reward_gauge,
        lower: args.reward_lower,
    };
    let arms = Arms::new(args, &reward)?;
    let plan = plan(args, &reward, &arms);
    let programs = Programs {
        scx_meta: args.run.loader()?,
        twins: None,
    };
    let charge = Charge::new(programs, &arms.policies())?;
    let mut charge = charge.with_auto(arms.auto.clone());
    let mut word = Word::new(&reward, &args.abort_if)?;
    sys::catch_interrupts().context("cannot catch signals")?;
    let machine = Machine::here()?;
    let destination = args.run.destination(&Destination::Nowhere);
    let mut writer = destination.open(&machine)?;
    let mut raw = Raw {
        machine,
        records: Vec::new(),
    };
    let limits = trial::Limits {
        budget: args.budget,
        worse: guard::worse(&args.abort_if),
    };
    let ending = trial::run(
        &plan,
        &limits,
        &mut charge,
        &mut word,
        &mut |entry: Entry| {
            writer.record(&entry)?;
            raw.records.push(entry);
            if let Some(said) = answer::progress(&raw.records) {
                eprintln!("{said}");
            }
            Ok(())
        },
    )?;
    // Whatever else happens, the kernel's own scheduler has it again.
    drop(charge);
    if destination != Destination::Stdout {
        // After an early end there may be too little for it; how it ended is said in any case.
        match answer::text(&raw) {
            Ok(text) => print!("{text}"),
            Err(error) if ending.is_planned() => return Err(error),
            Err(_) => {}
        }
    }
    ensure!(ending.is_planned(), "{ending}");
    Ok(())
}

fn plan(args: &Args, reward: &Reward, arms: &Arms) -> Plan {
    let otherwise = if reward.gauge { "" } else { "/s" };
    Plan {
        reward: reward.source.to_string(),
        lower: reward.lower,
        unit: args.unit.clone().unwrap_or_else(|| otherwise.into()),
        arms: arms.entries.clone(),
        block_s: args.block.as_secs_f64(),
        settle_s: args.settle.as_secs_f64(),
        width: args.width,
        seed: args.run.seed(),
        command: env::args().collect(),
        date: machine::date(),
    }
}
