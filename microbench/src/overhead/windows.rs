// SPDX-License-Identifier: GPL-2.0-only
//! Times of callbacks, in windows of a millisecond.
//!
//! The kernel only adds up: calls and nanoseconds. On the serial clock CPUs take turns, and a turn of
//! the other CPU that falls into a callback counts as this one's, a hundred times its length. In
//! short windows such a call is seen for what it is: one window among hundreds, which a trimmed mean
//! leaves out.

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::{mem, thread};

use anyhow::{bail, ensure, Context, Result};
use labkit::sys;
use libbpf_rs::query::ProgInfoIter;
use libbpf_rs::{libbpf_sys, Program, ProgramType};

use super::callback;
use super::record::Window;

/// Length of a window: a few calls of each callback, and reading costs a twentieth of it.
const WINDOW: Duration = Duration::from_millis(1);

/// By callback, those windows in which it ran.
pub(crate) type Windows = BTreeMap<String, Vec<Window>>;

pub(crate) struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Windows>>,
}

struct Counted {
    callback: &'static str,
    fd: OwnedFd,
    last: Window,
}

impl Sampler {
    pub(crate) fn start() -> Result<Self> {
        let mut programs = loaded()?;
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("sampler".into())
            .spawn(move || sample(&mut programs, &seen))
            .context("cannot start the sampler")?;
        Ok(Self { stop, thread })
    }

    pub(crate) fn finish(self) -> Result<Windows> {
        self.stop.store(true, Ordering::Relaxed);
        let Ok(windows) = self.thread.join() else {
            bail!("the sampler panicked");
        };
        windows.context("the sampler failed")
    }
}

fn loaded() -> Result<Vec<Counted>> {
    let callbacks = ProgInfoIter::default()
        .filter(|info| info.ty == ProgramType::StructOps)
        .filter_map(|info| Some((callback::of_program(&info.name.to_string_lossy())?, info.id)));
    let programs = callbacks.map(|(callback, id)| {
        let fd = Program::fd_from_id(id).with_context(|| format!("cannot open {callback}"))?;
        let last = read(&fd)?;
        Ok(Counted { callback, fd, last })
    });
    let programs: Vec<_> = programs.collect::<Result<_>>()?;
    ensure!(!programs.is_empty(), "no scheduler's callbacks are loaded");
    Ok(programs)
}

fn sample(programs: &mut [Counted], stop: &AtomicBool) -> Result<Windows> {
    sys::enter_real_time().context("SCHED_RR")?;
    let mut windows = Windows::new();
    let mut due = sys::monotonic();
    loop {
        let is_last = stop.load(Ordering::Relaxed);
        for program in &mut *programs {
            let now = read(&program.fd)?;
            let window = now.since(program.last);
            program.last = now;
            if window.calls > 0 {
                windows
                    .entry(program.callback.into())
                    .or_default()
                    .push(window);
            }
        }
        if is_last {
            return Ok(windows);
        }
        due = sys::monotonic().max(due + WINDOW);
        sys::sleep_until(due).context("clock_nanosleep")?;
    }
}

fn read(fd: &OwnedFd) -> Result<Window> {
    // SAFETY: the kernel's plain struct; all zeros ask for no array.
    let mut info: libbpf_sys::bpf_prog_info = unsafe { mem::zeroed() };
    let mut length = mem::size_of_val(&info) as u32;
    // SAFETY: `info` and `length` live across the call, and `length` is the size of `info`.
    let error =
        unsafe { libbpf_sys::bpf_prog_get_info_by_fd(fd.as_raw_fd(), &mut info, &mut length) };
    ensure!(
        error == 0,
        "cannot read a program's statistics: {}",
        std::io::Error::from_raw_os_error(-error)
    );
    Ok(Window {
        calls: info.run_cnt,
        time_ns: info.run_time_ns,
    })
}
