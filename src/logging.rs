// SPDX-License-Identifier: GPL-2.0-only
//! All messages go through `log`, ours and those of libbpf and scx_utils: what went wrong, warnings,
//! progress. They are written to stderr, by output/, so that nobody waits who says something.

use std::io;
use std::io::Write;

use env_logger::fmt::Formatter;
use env_logger::{Builder, Target};
use log::{Level, LevelFilter, Record};

use crate::output;

/// Sends messages to stderr from now on: all of ours, and of others only warnings. `verbose`: also
/// what helps to find a fault.
pub fn init(verbose: bool) {
    let (ours, others) = match verbose {
        true => (LevelFilter::Debug, LevelFilter::Debug),
        false => (LevelFilter::Info, LevelFilter::Warn),
    };
    let first = Builder::new()
        .filter_level(others)
        .filter_module("scx_meta", ours)
        .format(line)
        .target(Target::Pipe(Box::new(output::Stderr)))
        .try_init();
    if first.is_ok() {
        scx_utils::init_libbpf_logging(None);
    }
}

fn line(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let begins = match record.level() {
        Level::Error => "scx_meta: ",
        Level::Warn => "warning: ",
        _ => "",
    };
    // Messages of libbpf have an end of line of their own.
    let message = record.args().to_string();
    writeln!(out, "{begins}{}", message.trim_end())
}
