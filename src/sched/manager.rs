// SPDX-License-Identifier: GPL-2.0-only
//! The service manager, if one started us (`Type=notify`): told when a program is in charge, when we
//! are about to end, and now and then that the thread which looks after the program lives
//! (`WatchdogSec=`). A thread does the telling: a manager that does not listen holds nobody up.

use std::cell::Cell;
use std::sync::mpsc::{self, SyncSender};
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context, Result};
use sd_notify::NotifyState;

const SOCKET: &str = "NOTIFY_SOCKET";

/// More than this waits for a manager that does not listen; what comes then is lost.
const ROOM: usize = 8;

/// Of the time after which the manager loses its patience.
const PARTS: u32 = 4;

/// Without a manager nobody is told.
#[derive(Clone)]
pub(super) struct Manager(Option<SyncSender<NotifyState<'static>>>);

impl Manager {
    pub(super) fn of_environment() -> Result<Self> {
        if env::var_os(SOCKET).is_none() {
            return Ok(Self(None));
        }
        let (sender, states) = mpsc::sync_channel(ROOM);
        let body = move || {
            let mut complained = false;
            for state in states {
                if let Err(error) = sd_notify::notify(&[state]) {
                    if !std::mem::replace(&mut complained, true) {
                        log::warn!("the service manager cannot be told: {error}");
                    }
                }
            }
        };
        let thread = thread::Builder::new().name("manager".into()).spawn(body);
        thread.context("starting the thread that tells the service manager")?;
        Ok(Self(Some(sender)))
    }

    #[cfg(test)]
    pub(super) fn nobody() -> Self {
        Self(None)
    }

    pub(super) fn ready(&self) {
        self.tell(NotifyState::Ready);
    }

    pub(super) fn stopping(&self) {
        self.tell(NotifyState::Stopping);
    }

    /// Beats as often as the manager wants it.
    pub(super) fn pulse(&self) -> Pulse {
        Pulse {
            manager: self.clone(),
            every: sd_notify::watchdog_enabled().map(|limit| limit / PARTS),
            next: Cell::new(Instant::now()),
        }
    }

    fn tell(&self, state: NotifyState<'static>) {
        if let Some(sender) = &self.0 {
            // Full: it does not listen anyway.
            let _ = sender.try_send(state);
        }
    }
}

/// That somebody lives.
pub(super) struct Pulse {
    manager: Manager,
    every: Option<Duration>,
    next: Cell<Instant>,
}

impl Pulse {
    /// To be called again and again.
    pub(super) fn beat(&self) {
        let Some(every) = self.every else {
            return;
        };
        let now = Instant::now();
        if now >= self.next.get() {
            self.next.set(now + every);
            self.manager.tell(NotifyState::Watchdog);
        }
    }
}
