// SPDX-License-Identifier: GPL-2.0-only
//! What the kernel says about sched_ext, in /sys/kernel/sched_ext.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io, thread};

use anyhow::{ensure, Context, Result};

use super::sys;

const ROOT: &str = "/sys/kernel/sched_ext";

/// What the kernel counts about the loaded scheduler's bypasses.
const BYPASSES: &str = "SCX_EV_BYPASS_ACTIVATE";

/// How long they lasted, in nanoseconds.
const BYPASS_NS: &str = "SCX_EV_BYPASS_DURATION";

/// How often a wait for the end of a scheduler looks: it takes some tens of milliseconds.
const END_POLL: Duration = Duration::from_millis(5);

/// The kernel counts a scheduler after the state is `enabled`, in a task that saturation may delay in
/// between: how long, and how often that is looked at.
const COUNTED_LIMIT: Duration = Duration::from_secs(30);
const COUNTED_POLL: Duration = Duration::from_millis(20);

/// Where a file of sched_ext is, by its name below the root: `state`, `root/ops`.
pub fn path(name: &str) -> PathBuf {
    Path::new(ROOT).join(name)
}

/// `disabled`, `enabled` and so on; an error on a kernel without sched_ext.
pub fn state() -> Result<String> {
    read("state").context("this kernel has no sched_ext (CONFIG_SCHED_CLASS_EXT)")
}

/// Waits until the kernel schedules by itself again, even where a signal asks us to stop; an error
/// when it does not after `limit`.
pub fn await_disabled(limit: Duration) -> Result<()> {
    let deadline = sys::monotonic() + limit;
    loop {
        let state = state()?;
        if state == "disabled" {
            return Ok(());
        }
        ensure!(
            sys::monotonic() < deadline,
            "sched_ext is still {state} after {limit:?}"
        );
        thread::sleep(END_POLL);
    }
}

/// The name of the loaded scheduler; `None` while there is none.
pub fn ops() -> Result<Option<String>> {
    optional("root/ops")
}

/// Schedulers enabled since boot.
pub fn enable_seq() -> Result<u64> {
    let text = read("enable_seq")?;
    text.parse()
        .with_context(|| format!("enable_seq reads {text}"))
}

/// The loaded scheduler's event counters by name; `None` before kernel 6.18, which first shows
/// them, and while no scheduler is loaded: read them before it goes.
pub fn events() -> Result<Option<BTreeMap<String, u64>>> {
    let text = optional("root/events")?;
    text.map(|text| parse_events(&text)).transpose()
}

/// What the kernel counts about sched_ext.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counters {
    /// Schedulers enabled since boot.
    pub enable_seq: u64,
    /// Bypasses of the loaded scheduler; unknown before kernel 6.18, which first shows the events.
    pub bypasses: Option<u64>,
    /// How long they lasted; unknown where the kernel does not say.
    pub bypass_time: Option<Duration>,
}

impl Counters {
    /// Reads the counters; the scheduler must be loaded.
    pub fn read() -> Result<Self> {
        let enable_seq = enable_seq()?;
        let Some(events) = events()? else {
            return Ok(Self {
                enable_seq,
                bypasses: None,
                bypass_time: None,
            });
        };
        let bypasses = events.get(BYPASSES).copied();
        Ok(Self {
            enable_seq,
            bypasses: Some(bypasses.context("the kernel's events name no bypass")?),
            bypass_time: events.get(BYPASS_NS).copied().map(Duration::from_nanos),
        })
    }
}

/// What the kernel counts of a scheduler that is in charge, once that itself is counted: that there
/// were more than `enable_seq`.
pub fn await_counted(enable_seq: u64) -> Result<Counters> {
    let deadline = sys::monotonic() + COUNTED_LIMIT;
    loop {
        let counters = Counters::read()?;
        if counters.enable_seq > enable_seq {
            return Ok(counters);
        }
        ensure!(
            sys::monotonic() < deadline,
            "the kernel does not count a scheduler that is in charge: enable_seq is still {}",
            counters.enable_seq
        );
        thread::sleep(COUNTED_POLL);
    }
}

/// A line each: `NAME COUNT`.
fn parse_events(text: &str) -> Result<BTreeMap<String, u64>> {
    let parse = |line: &str| {
        let (name, count) = line.split_once(char::is_whitespace)?;
        Some((name.to_owned(), count.trim().parse().ok()?))
    };
    text.lines()
        .map(|line| parse(line).with_context(|| format!("not an event and its count: {line}")))
        .collect()
}

fn optional(name: &str) -> Result<Option<String>> {
    match fs::read_to_string(path(name)) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        // ENODEV: the scheduler went between open and read.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path(name).display())),
    }
}

fn read(name: &str) -> Result<String> {
    let path = path(name);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bypasses_are_found_among_the_events() {
        let events = "SCX_EV_BYPASS_DISPATCH 7\nSCX_EV_BYPASS_ACTIVATE 2\n";
        let events = parse_events(events).unwrap();
        assert_eq!(events.get(BYPASSES), Some(&2));
        let events = parse_events("SCX_EV_SELECT_CPU_FALLBACK 0\n").unwrap();
        assert_eq!(events.get(BYPASSES), None);
    }

    #[test]
    fn a_line_that_is_no_event_is_quoted() {
        let error = parse_events("SCX_EV_X many\n").unwrap_err().to_string();
        assert!(error.contains("SCX_EV_X many"), "{error}");
    }
}
