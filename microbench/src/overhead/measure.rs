// SPDX-License-Identifier: GPL-2.0-only
//! The half of `bench overhead` that runs in the guest.

use std::path::PathBuf;

use anyhow::Result;

use super::contender::Programs;
use super::record::{Part, Record};
use super::{callbacks, end_to_end, idle};
use crate::cli::Out;
use crate::named::Named;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// What to measure (repeatable)
    #[arg(long, value_enum, required = true)]
    part: Vec<Part>,

    /// scx_meta as it is
    #[arg(long, value_name = "PATH")]
    scx_meta: PathBuf,

    /// A build of scx_meta with this policy only (repeatable)
    #[arg(long, value_name = "POLICY=PATH", required = true)]
    single: Vec<Named>,

    /// A single-policy scheduler: scx_simple, scx_central (repeatable)
    #[arg(long, value_name = "PROGRAM=PATH")]
    stock: Vec<Named>,

    /// Where those come from, for the report
    #[arg(long, value_name = "NAME", default_value = "the kernel tree")]
    stock_source: String,

    #[command(flatten)]
    callbacks: Box<callbacks::Options>,

    #[command(flatten)]
    end_to_end: Box<end_to_end::Options>,

    #[command(flatten)]
    idle: Box<idle::Options>,
}

pub(crate) fn run(args: &Args, out: &mut Out) -> Result<()> {
    let programs = Programs {
        multi: &args.scx_meta,
        single: &args.single,
        stock: &args.stock,
    };
    for part in &args.part {
        let text = match part {
            Part::Callbacks => format!(
                "Stock schedulers: {}. {}",
                args.stock_source,
                callbacks::method(&args.callbacks)
            ),
            Part::EndToEnd => end_to_end::method(&args.end_to_end),
            Part::Idle => idle::method(&args.idle),
        };
        out.record(&Record::Method { part: *part, text })?;
        match part {
            Part::Callbacks => callbacks::measure(&args.callbacks, &programs, out)?,
            Part::EndToEnd => end_to_end::measure(&args.end_to_end, &programs, out)?,
            Part::Idle => idle::measure(&args.idle, &programs, out)?,
        }
    }
    Ok(())
}
