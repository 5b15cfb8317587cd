// SPDX-License-Identifier: GPL-2.0-only
//! Watches which sched_ext scheduler is in charge, and notes when that changes.
//!
//! A real-time thread reads `state` and `enable_seq` every [`POLL`]; a change is known to lie
//! between two readings, and both times are kept. Two short reads of sysfs, so that the watch costs
//! little of what it watches.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{mpsc, Arc};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use anyhow::{bail, ensure, Context, Result};
use serde::{Deserialize, Serialize};

use crate::probe::{Class, TIMER_SLACK};
use crate::{scx, sys};

/// Time between two readings: a five-hundredth of what a process replacement takes.
pub const POLL: Duration = Duration::from_micros(200);

/// Longest name of a scheduler and then some.
const LINE_BYTES: usize = 256;

/// How long a wait may miss that a signal asks us to stop.
const SIGNAL_POLL: Duration = Duration::from_millis(100);

/// Who is in charge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Charge {
    /// `disabled`, `enabling`, `enabled`, `disabling`.
    pub state: String,
    /// Schedulers enabled since boot; the kernel raises it just after the state is `enabled`.
    pub enable_seq: u64,
    /// The scheduler's name, while the state is `enabled`.
    pub ops: Option<String>,
}

/// A change of who is in charge. It took place after `after` and no later than `at`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The last reading that did not show it, by CLOCK_MONOTONIC.
    pub after: Duration,
    /// The first that did.
    pub at: Duration,
    /// Who is in charge from here on.
    pub charge: Charge,
}

impl Charge {
    /// Is a scheduler in charge whose name begins so?
    pub fn is_enabled(&self, name: &str) -> bool {
        self.state == "enabled" && self.ops.as_ref().is_some_and(|ops| ops.starts_with(name))
    }

    /// Is the kernel's own scheduler in charge?
    pub fn is_disabled(&self) -> bool {
        self.state == "disabled"
    }
}

/// A watch that is on.
pub struct Watch {
    class: Class,
    stop: Arc<AtomicBool>,
    changes: Receiver<Change>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Watch {
    /// Starts to watch this machine. The first change is what the first reading shows.
    pub fn start() -> Result<Self> {
        Self::every(POLL)
    }

    /// Starts to watch this machine less closely than every [`POLL`], and costs less.
    pub fn every(poll: Duration) -> Result<Self> {
        Self::reading(scx::path(""), Class::RealTime, poll)
    }

    /// Starts to watch another folder of such files.
    #[cfg(test)]
    pub(crate) fn of(root: PathBuf, class: Class) -> Result<Self> {
        Self::reading(root, class, POLL)
    }

    fn reading(root: PathBuf, class: Class, poll: Duration) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, changes) = mpsc::channel();
        let seen = Arc::clone(&stop);
        let mut files = Files::open(&root)?;
        let thread = thread::Builder::new()
            .name("charge-watch".into())
            .spawn(move || watch(&mut files, class, poll, &seen, &sender))
            .context("cannot start the watch")?;
        Ok(Self {
            class,
            stop,
            changes,
            thread: Some(thread),
        })
    }

    /// The class its thread runs in.
    pub(crate) fn class(&self) -> Class {
        self.class
    }

    /// The next change, if one comes within `timeout`; an error when a signal asks us to stop.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<Change>> {
        let deadline = sys::monotonic() + timeout;
        loop {
            let left = deadline.saturating_sub(sys::monotonic());
            match self.changes.recv_timeout(left.min(SIGNAL_POLL)) {
                Ok(change) => return Ok(Some(change)),
                Err(RecvTimeoutError::Disconnected) => return self.failed(),
                Err(RecvTimeoutError::Timeout) => {}
            }
            ensure!(!sys::interrupted(), "interrupted");
            if left.is_zero() {
                return Ok(None);
            }
        }
    }

    /// Waits for a change to what is wanted; returns it as the last of all changes until then, or
    /// nothing when `timeout` passes first.
    pub fn wait(
        &mut self,
        timeout: Duration,
        wanted: impl Fn(&Charge) -> bool,
    ) -> Result<Option<Vec<Change>>> {
        let deadline = sys::monotonic() + timeout;
        let mut changes = Vec::new();
        loop {
            let left = deadline.saturating_sub(sys::monotonic());
            let Some(change) = self.next(left)? else {
                return Ok(None);
            };
            let is_wanted = wanted(&change.charge);
            changes.push(change);
            if is_wanted {
                return Ok(Some(changes));
            }
        }
    }

    /// The changes that nobody has waited for yet.
    pub fn drain(&mut self) -> Vec<Change> {
        self.changes.try_iter().collect()
    }

    fn failed(&mut self) -> Result<Option<Change>> {
        let thread = self.thread.take().context("the watch is over")?;
        match thread.join() {
            Ok(Ok(())) => bail!("the watch ended by itself"),
            Ok(Err(error)) => Err(error.context("the watch failed")),
            Err(_) => bail!("the watch panicked"),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn watch(
    files: &mut Files,
    class: Class,
    poll: Duration,
    stop: &AtomicBool,
    changes: &Sender<Change>,
) -> Result<()> {
    if class == Class::RealTime {
        sys::enter_real_time().context("SCHED_RR")?;
    }
    sys::set_timer_slack(TIMER_SLACK).context("PR_SET_TIMERSLACK")?;
    let mut known: Option<Charge> = None;
    let mut after = sys::monotonic();
    while !stop.load(Ordering::Relaxed) {
        let due = sys::monotonic() + poll;
        let charge = files.read(known.as_ref())?;
        let at = sys::monotonic();
        if let Some(charge) = charge {
            known = Some(charge.clone());
            if changes.send(Change { after, at, charge }).is_err() {
                return Ok(());
            }
        }
        after = at;
        sys::sleep_until(due).context("clock_nanosleep")?;
    }
    Ok(())
}

/// The files, kept open where the kernel keeps them.
struct Files {
    root: PathBuf,
    state: File,
    enable_seq: File,
}

impl Files {
    fn open(root: &Path) -> Result<Self> {
        let open = |name: &str| {
            let path = root.join(name);
            File::open(&path)
                .with_context(|| format!("cannot open {}: is there sched_ext?", path.display()))
        };
        Ok(Self {
            root: root.to_owned(),
            state: open("state")?,
            enable_seq: open("enable_seq")?,
        })
    }

    /// Who is in charge, if that is not known already.
    fn read(&self, known: Option<&Charge>) -> Result<Option<Charge>> {
        let state = line(&self.state).context("cannot read sched_ext's state")?;
        let enable_seq = line(&self.enable_seq).context("cannot read sched_ext's enable_seq")?;
        let Ok(enable_seq) = enable_seq.parse() else {
            bail!("enable_seq reads {enable_seq}");
        };
        let is_enabled = state == "enabled";
        if let Some(known) = known {
            let has_name = known.ops.is_some() || !is_enabled;
            if known.state == state && known.enable_seq == enable_seq && has_name {
                return Ok(None);
            }
        }
        let ops = match is_enabled {
            // It may be gone again; then the next reading shows that.
            true => std::fs::read_to_string(self.root.join("root/ops")).ok(),
            false => None,
        };
        let charge = Charge {
            state,
            enable_seq,
            ops: ops.map(|ops| ops.trim().to_owned()),
        };
        Ok((Some(&charge) != known).then_some(charge))
    }
}

fn line(file: &File) -> io::Result<String> {
    let mut bytes = [0; LINE_BYTES];
    let got = file.read_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(&bytes[..got]).trim().to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// A folder that looks like an idle sched_ext. Words have the same length, so that no reader
    /// can see half of one: files are written over, never cut.
    pub(crate) fn fake_root() -> TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("state"), "disabled\n").unwrap();
        fs::write(root.path().join("enable_seq"), "1\n").unwrap();
        fs::create_dir(root.path().join("root")).unwrap();
        fs::write(root.path().join("root/ops"), "meta_1.0\n").unwrap();
        root
    }

    fn put(root: &TempDir, state: &str) {
        let file = File::options().write(true).open(root.path().join("state"));
        file.unwrap().write_all_at(state.as_bytes(), 0).unwrap();
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_change_lies_between_two_readings() {
        let root = fake_root();
        let mut watch = Watch::of(root.path().into(), Class::Ordinary).unwrap();
        let first = watch.next(LONG).unwrap().unwrap();
        assert!(first.charge.is_disabled() && first.charge.ops.is_none());
        let before = sys::monotonic();
        put(&root, "enabled \n");
        let written = sys::monotonic();
        let changes = watch
            .wait(LONG, |charge| charge.is_enabled("meta"))
            .unwrap();
        let changes = changes.unwrap();
        let change = changes.last().unwrap();
        assert_eq!(change.charge.ops.as_deref(), Some("meta_1.0"));
        assert!(change.at >= before && change.after <= written, "{change:?}");
        assert!(change.after < change.at);
        put(&root, "disabled\n");
        let changes = watch.wait(LONG, Charge::is_disabled).unwrap().unwrap();
        assert_eq!(changes.len(), 1);
    }

    #[test]
    fn nothing_that_stays_is_a_change() {
        let root = fake_root();
        let mut watch = Watch::of(root.path().into(), Class::Ordinary).unwrap();
        watch.next(LONG).unwrap().unwrap();
        assert_eq!(watch.next(POLL * 50).unwrap(), None);
        let never = watch.wait(POLL * 50, |charge| charge.is_enabled("meta"));
        assert_eq!(never.unwrap(), None);
    }

    #[test]
    fn another_scheduler_is_not_the_one_expected() {
        let charge = Charge {
            state: "enabled".into(),
            enable_seq: 3,
            ops: Some("rusty_1.0.5".into()),
        };
        assert!(charge.is_enabled("rusty") && !charge.is_enabled("meta"));
    }

    #[test]
    fn a_kernel_without_sched_ext_is_named() {
        let nowhere = Watch::of("/no/such/folder".into(), Class::Ordinary);
        let error = format!("{:#}", nowhere.err().unwrap());
        assert!(
            error.contains("/no/such/folder/state: is there sched_ext?"),
            "{error}"
        );
    }
}
