// SPDX-License-Identifier: GPL-2.0-only
//! Messages of libbpf and scx_utils on stderr: warnings, or all with `-v`.

use log::{LevelFilter, Log, Metadata, Record};

use crate::output;

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            output::say(record.args().to_string().trim_end());
        }
    }

    fn flush(&self) {}
}

/// Sends messages to stderr from now on.
pub fn init(verbose: bool) {
    let level = match verbose {
        true => LevelFilter::Debug,
        false => LevelFilter::Warn,
    };
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(level);
        scx_utils::init_libbpf_logging(None);
    }
}
