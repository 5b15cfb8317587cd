// SPDX-License-Identifier: GPL-2.0-only
//! How far a trial is, on standard error: a bar on a terminal, elsewhere a line a super-block.
//!
//! The bar is drawn between blocks only: nothing of ours runs beside a load.

use std::io::{stderr, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use labkit::sys;

const TEMPLATE: &str = "{bar:20} {percent:>3} %  {wide_msg}";

/// How far it is. What is counted are seconds of load, as planned.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Nobody sees the bar.
    lines: bool,
    began: Duration,
}

impl Progress {
    pub(crate) fn new(seconds: u64) -> Self {
        let lines = !stderr().is_terminal();
        let target = match lines {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let bar = ProgressBar::with_draw_target(Some(seconds), target);
        // The template is checked by the test below; without it the bar is plain.
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style);
        }
        Self {
            bar,
            lines,
            began: sys::monotonic(),
        }
    }

    pub(crate) fn begin(&self, what: &str) {
        self.bar.set_message(format!("{what}{}", self.left()));
        self.bar.tick();
    }

    pub(crate) fn done(&self, seconds: u64) {
        self.bar.inc(seconds);
    }

    /// Says what goes to the record of a terminal that is none: services up, super-blocks done.
    pub(crate) fn note(&self, what: &str) {
        if self.lines {
            eprintln!("{what}{}", self.left());
        }
    }

    /// `, about 12 min left`, as soon as one can tell.
    fn left(&self) -> String {
        let took = sys::monotonic().saturating_sub(self.began);
        let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
        time_left(took, done, all).map_or_else(String::new, |left| format!(", about {left} left"))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn time_left(took: Duration, done: u64, all: u64) -> Option<String> {
    if done == 0 || done >= all {
        return None;
    }
    let left_s = took.as_secs_f64() * (all - done) as f64 / done as f64;
    Some(match left_s {
        s if s < 90.0 => format!("{s:.0} s"),
        s => format!("{:.0} min", s / 60.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_sound() {
        ProgressStyle::with_template(TEMPLATE).unwrap();
    }

    #[test]
    fn time_left_goes_by_what_was_done() {
        let left = |took_s, done, all| time_left(Duration::from_secs(took_s), done, all);
        assert_eq!(left(0, 0, 100), None);
        assert_eq!(left(10, 20, 100).unwrap(), "40 s");
        assert_eq!(left(60, 10, 100).unwrap(), "9 min");
        assert_eq!(left(60, 100, 100), None);
    }
}
