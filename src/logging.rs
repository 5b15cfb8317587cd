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
    if logger(verbose, output::Stderr).try_init().is_ok() {
        scx_utils::init_libbpf_logging(None);
    }
}

fn logger(verbose: bool, out: impl Write + Send + 'static) -> Builder {
    let (ours, others) = match verbose {
        true => (LevelFilter::Debug, LevelFilter::Debug),
        false => (LevelFilter::Info, LevelFilter::Warn),
    };
    let mut logger = Builder::new();
    logger
        .filter_level(others)
        .filter_module("scx_meta", ours)
        .format(line)
        .target(Target::Pipe(Box::new(out)));
    logger
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

#[cfg(test)]
mod tests {
    use std::io::Read;

    use log::Log;

    use super::*;

    fn said(verbose: bool) -> String {
        let (mut reader, writer) = io::pipe().unwrap();
        let logger = logger(verbose, writer).build();
        let say = |target, level, text: &str| {
            let mut record = Record::builder();
            let record = record.target(target).level(level);
            logger.log(&record.args(format_args!("{text}")).build());
        };
        say("scx_meta::sched::life", Level::Info, "scx_meta runs");
        say("scx_meta::set", Level::Warn, "a short turn");
        say("scx_meta::cli", Level::Error, "not running");
        say("scx_meta::hotplug", Level::Debug, "CPUs came");
        say("scx_utils::libbpf_logger", Level::Warn, "libbpf: odd\n");
        say("scx_utils::libbpf_logger", Level::Info, "libbpf: usual\n");
        drop(logger);
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        said
    }

    #[test]
    fn a_message_is_a_line_that_begins_with_what_it_is() {
        let usual = "scx_meta runs\nwarning: a short turn\nscx_meta: not running\n";
        let odd = "warning: libbpf: odd\n";
        assert_eq!(said(false), format!("{usual}{odd}"));
        let verbose = format!("{usual}CPUs came\n{odd}libbpf: usual\n");
        assert_eq!(said(true), verbose);
    }
}
