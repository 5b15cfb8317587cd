// SPDX-License-Identifier: GPL-2.0-only
//! The scx_meta that tests share. It is started by the first test that wants it and stays alive
//! across tests, each of which may be a process of its own: what is left of one test for the next is
//! this program, its log, and a file in /run that says which process it is and how it was started.
//!
//! ```text
//! lock ─► is one left, alive, of this build and with these options? ── no ──► end it, start one
//!              │ yes                                                          │
//!              └──────────────► mark it as in use ◄───────────────────────────┘
//! test … ─► all is well: give it back, marked as free     else: kill it
//! ```
//!
//! One that is marked as in use while nobody holds the lock belonged to a test that died: it is
//! replaced. In a guest of the lab, and where SCX_META_TEST_KEEP=1 asks for it, it outlives the process
//! that started it; elsewhere it ends with that, so that `cargo test` as root leaves nothing behind.

use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;
use std::time::Duration;
use std::{env, fs};

use anyhow::{ensure, Context, Result};
use serde::{Deserialize, Serialize};

use super::meta::Meta;
use super::{process, scx, sys};

const FOLDER: &str = "/run/scx_meta-tests";

/// Longer than any test: whoever holds the lock then hangs.
const LOCK_LIMIT: Duration = Duration::from_secs(900);

const POLL: Duration = Duration::from_millis(20);

/// While this lives, no other test touches the machine's scheduler.
pub struct Lock(#[allow(dead_code)] File);

thread_local! {
    static HELD: Cell<bool> = const { Cell::new(false) };
}

impl Drop for Lock {
    fn drop(&mut self) {
        HELD.set(false);
    }
}

/// What a test leaves for the next.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Left {
    pid: u32,
    /// Tells processes apart that had the same id.
    started: String,
    program: String,
    options: Vec<String>,
    /// Schedulers enabled since boot, this one included.
    pub enable_seq: u64,
    in_use: bool,
}

/// What the shared one says.
pub fn log() -> PathBuf {
    Path::new(FOLDER).join("log")
}

fn file() -> PathBuf {
    Path::new(FOLDER).join("scheduler.json")
}

/// Waits until no other test holds the machine's scheduler. A thread that holds it itself would wait
/// for good: an error.
pub fn lock() -> Result<Lock> {
    lock_in(Path::new(FOLDER))
}

fn lock_in(folder: &Path) -> Result<Lock> {
    ensure!(
        !HELD.get(),
        "this test holds the machine's scheduler already: drop that one first"
    );
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join("lock");
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let file = file.with_context(|| format!("cannot open {}", path.display()))?;
    let held = process::await_that(LOCK_LIMIT, POLL, || sys::try_lock(&file).unwrap_or(false));
    ensure!(held, "another test holds the scheduler for {LOCK_LIMIT:?}");
    HELD.set(true);
    Ok(Lock(file))
}

/// The shared scx_meta with these options, now in use: the one that runs, unless it does not fit or
/// `unwelcome` says why not that one; else a new one. The lock must be held.
pub fn take(
    program: &Path,
    options: &[String],
    unwelcome: impl Fn() -> Option<String>,
) -> Result<(Meta, Left)> {
    if let Some(mut left) = Left::read().filter(Left::is_alive) {
        let Some(reason) = left.unfit(program, options)?.or_else(unwelcome) else {
            left.in_use = true;
            left.write()?;
            return Ok((Meta::find(left.pid)?, left));
        };
        println!("another shared scx_meta is started: {reason}");
    }
    end()?;
    start(program, options)
}

/// A test ended well: the next may have it.
pub fn give_back(meta: Meta, mut left: Left) -> Result<()> {
    left.in_use = false;
    left.write()?;
    meta.leave()
}

/// Ends the shared one, if there is one, whatever state it is in. The lock must be held.
pub fn end() -> Result<()> {
    if let Some(left) = Left::read().filter(Left::is_alive) {
        // A process that was stopped does not hear that it is to end.
        let mut meta = Meta::find(left.pid)?;
        meta.signal(libc::SIGCONT)?;
        meta.end()?;
    }
    match fs::remove_file(file()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", file().display()))
        }
        _ => Ok(()),
    }
}

fn start(program: &Path, options: &[String]) -> Result<(Meta, Left)> {
    let state = scx::state()?;
    ensure!(
        state == "disabled",
        "somebody's scheduler: sched_ext is {state}"
    );
    let out = File::create(log()).context("cannot write a log")?;
    let mut command = Command::new(program);
    command
        .args(options)
        .stdin(Stdio::null())
        .stdout(out.try_clone().context("cannot share a log")?)
        .stderr(out);
    let before = scx::enable_seq()?;
    let began = sys::monotonic();
    let said = || fs::read_to_string(log()).unwrap_or_default();
    let meta = Meta::start(sys::outliving_us_until_asked(&mut command));
    let meta = meta.with_context(|| format!("scx_meta did not start: {}", said()))?;
    let counted = scx::await_counted(before)?;
    println!(
        "scx_meta {} started in {:.1?}",
        options.join(" "),
        sys::monotonic() - began
    );
    let left = Left {
        pid: meta.pid(),
        started: start_of(meta.pid()).context("scx_meta has ended")?,
        program: build_of(program)?,
        options: options.to_vec(),
        enable_seq: counted.enable_seq,
        in_use: true,
    };
    left.write()?;
    end_with_us()?;
    Ok((meta, left))
}

impl Left {
    fn read() -> Option<Self> {
        let text = fs::read_to_string(file()).ok()?;
        serde_json::from_str(&text).ok()
    }

    fn write(&self) -> Result<()> {
        let text = serde_json::to_string(self).context("what is left of a test")?;
        let fresh = file().with_extension("new");
        fs::write(&fresh, text)
            .and_then(|()| fs::rename(&fresh, file()))
            .with_context(|| format!("cannot write {}", file().display()))
    }

    fn is_alive(&self) -> bool {
        start_of(self.pid).is_some_and(|started| started == self.started)
    }

    /// Why it cannot be used as it is.
    fn unfit(&self, program: &Path, options: &[String]) -> Result<Option<String>> {
        if self.in_use {
            return Ok(Some("the test before died".into()));
        }
        if self.program != build_of(program)? {
            return Ok(Some("the one that runs is of another build".into()));
        }
        if self.options != options {
            return Ok(Some(format!("one runs with {}", self.options.join(" "))));
        }
        let (state, seq) = (scx::state()?, scx::enable_seq()?);
        let stands = state == "enabled" && seq == self.enable_seq;
        Ok((!stands).then(|| format!("sched_ext is {state}, enabled {seq} times")))
    }
}

/// A build by its file: the lab copies a new one over an old one.
fn build_of(program: &Path) -> Result<String> {
    let file = fs::metadata(program);
    let file = file.with_context(|| format!("no program {}", program.display()))?;
    let (size, mtime, nanos) = (file.size(), file.mtime(), file.mtime_nsec());
    Ok(format!("{} {size} {mtime}.{nanos}", program.display()))
}

/// When a process started, in ticks since boot; None when it has ended.
fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    (fields.next() != Some("Z")).then_some(())?;
    fields.nth(18).map(String::from)
}

/// At this process's end the shared one ends, unless it is to be kept.
fn end_with_us() -> Result<()> {
    static ONCE: Once = Once::new();
    extern "C" fn at_exit() {
        if let Err(error) = end() {
            eprintln!("the shared scx_meta: {error:#}");
        }
    }
    // `cargo xtask vm` sets LAB_ACCEL.
    let keep = env::var("SCX_META_TEST_KEEP").is_ok_and(|keep| keep == "1");
    if keep || env::var_os("LAB_ACCEL").is_some() {
        return Ok(());
    }
    let mut registered = 0;
    // SAFETY: the handler takes nothing and returns nothing.
    ONCE.call_once(|| registered = unsafe { libc::atexit(at_exit) });
    ensure!(registered == 0, "nobody would end the shared scx_meta");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left() -> Left {
        let us = std::process::id();
        Left {
            pid: us,
            started: start_of(us).unwrap(),
            program: build_of(Path::new("/proc/self/exe")).unwrap(),
            options: vec!["--stats".into()],
            enable_seq: 1,
            in_use: false,
        }
    }

    #[test]
    fn a_process_is_known_by_its_start() {
        assert!(left().is_alive());
        let other = Left {
            started: "1".into(),
            ..left()
        };
        assert!(!other.is_alive());
        let mut child = Command::new("true").spawn().unwrap();
        process::await_that(Duration::from_secs(20), POLL, || {
            start_of(child.id()).is_none()
        });
        assert_eq!(start_of(child.id()), None, "not even as a zombie");
        child.wait().unwrap();
    }

    #[test]
    fn who_holds_the_lock_is_told_so_instead_of_waiting_for_itself() {
        let folder = env::temp_dir().join(format!("labkit-lock-{}", std::process::id()));
        let first = lock_in(&folder).unwrap();
        let error = lock_in(&folder).err().unwrap().to_string();
        assert!(
            error.contains("holds the machine's scheduler already"),
            "{error}"
        );
        drop(first);
        drop(lock_in(&folder).unwrap());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn another_build_other_options_and_a_test_that_died_are_told() {
        let us = Path::new("/proc/self/exe");
        let options = ["--stats".to_owned()];
        let died = Left {
            in_use: true,
            ..left()
        };
        let reason = died.unfit(us, &options).unwrap().unwrap();
        assert!(reason.contains("died"), "{reason}");
        let reason = left().unfit(us, &[]).unwrap().unwrap();
        assert!(reason.contains("--stats"), "{reason}");
        let sh = Path::new("/bin/sh");
        let reason = left().unfit(sh, &options).unwrap().unwrap();
        assert!(reason.contains("another build"), "{reason}");
    }
}
