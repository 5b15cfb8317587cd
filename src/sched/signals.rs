// SPDX-License-Identifier: GPL-2.0-only
//! Signals that ask the loader to stop: SIGINT, SIGTERM and SIGHUP, unless the latter has it read its
//! configuration again. One that was ignored when it
//! started stays ignored, as under `nohup`.
//!
//! They are blocked in every thread and waited for in one: a signal must not break into a system
//! call of another. The kernel's verifier gives up at one, and libbpf begins anew with it.

use std::{io, mem, ptr, thread};

use anyhow::{Context, Result};
use nix::libc;
use nix::sys::signal::{SigSet, Signal};

const STOP_SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// The signals that stop this process, blocked.
pub(crate) struct StopSignals(Vec<Signal>);

impl StopSignals {
    /// Blocks them in this thread and in those that it starts from now on.
    pub(crate) fn block() -> Result<Self> {
        let mut heeded = Vec::new();
        for signal in STOP_SIGNALS {
            if !is_ignored(signal).with_context(|| format!("asking for {signal}"))? {
                heeded.push(signal);
            }
        }
        let signals = Self(heeded);
        signals.set().thread_block().context("blocking signals")?;
        Ok(signals)
    }

    fn set(&self) -> SigSet {
        self.0.iter().copied().collect()
    }

    /// Calls `on_signal` at each from now on, in a thread of its own.
    pub(crate) fn watch(self, on_signal: impl Fn(Signal) + Send + 'static) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let set = self.set();
        let watching = thread::Builder::new()
            .name("signals".into())
            // It fails only for signals that do not exist.
            .spawn(move || {
                while let Ok(signal) = set.wait() {
                    on_signal(signal);
                }
            });
        watching.map(drop).context("starting to wait for signals")
    }
}

fn is_ignored(signal: Signal) -> io::Result<bool> {
    // SAFETY: a zeroed sigaction is a valid one.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: `action` lives across the call, which changes nothing.
    if unsafe { libc::sigaction(signal as libc::c_int, ptr::null(), &mut action) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(action.sa_sigaction == libc::SIG_IGN)
}

#[cfg(test)]
mod tests {
    use nix::sys::signal;
    use nix::sys::signal::SigHandler;

    use super::*;

    #[test]
    fn an_ignored_signal_stays_ignored() {
        // SAFETY: no handler is installed.
        let before = unsafe { signal::signal(Signal::SIGHUP, SigHandler::SigIgn) }.unwrap();
        let signals = StopSignals::block().unwrap();
        assert_eq!(signals.0, [Signal::SIGINT, Signal::SIGTERM]);
        let blocked = SigSet::thread_get_mask().unwrap();
        assert!(blocked.contains(Signal::SIGTERM));
        assert!(!blocked.contains(Signal::SIGHUP));
        // SAFETY: the handler is the one that was there.
        unsafe { signal::signal(Signal::SIGHUP, before) }.unwrap();
        signals.set().thread_unblock().unwrap();
    }
}
