// SPDX-License-Identifier: GPL-2.0-only
//! SIGHUP: the configuration is read again, and weights, period and pin are written to the running
//! program. What is fixed at load stays as it is, and is named.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::{io, thread};

use anyhow::{anyhow, Context, Result};

use super::configured::Refusal;
use super::{configured, one_line};
use crate::live::Live;
use crate::machine::Machine;
use crate::sched::{OnHangup, Plan};
use crate::{config, set};

/// What was typed when the loader started.
pub(super) struct Reload {
    words: Vec<OsString>,
    /// The file that was named.
    file: Option<PathBuf>,
}

impl Reload {
    pub(super) fn new(words: Vec<OsString>, file: Option<PathBuf>) -> Self {
        Self { words, file }
    }

    /// For the program that this plan loads. False if there is no file to read. Returns at once: a file
    /// may be slow to read, and signals must not wait for it. While it is being read, another signal is
    /// as good as none.
    pub(super) fn of(self, plan: &Plan) -> OnHangup {
        let (words, plan) = (Arc::new(self.words), Arc::new(plan.clone()));
        let busy = Arc::new(AtomicBool::new(false));
        Box::new(move || {
            if self.file.is_none() && !Path::new(config::PATH).exists() {
                return false;
            }
            if busy.swap(true, Ordering::AcqRel) {
                return true;
            }
            let (words, plan, done) = (Arc::clone(&words), Arc::clone(&plan), Arc::clone(&busy));
            let body = move || {
                match again(&words, &plan) {
                    Ok(()) => log::info!("the configuration was read again"),
                    Err(error) => log::error!("the configuration is as it was: {error:#}"),
                }
                done.store(false, Ordering::Release);
            };
            let started = thread::Builder::new().name("reload".into()).spawn(body);
            if let Err(error) = started {
                log::error!("cannot read the configuration again: {error}");
                busy.store(false, Ordering::Release);
            }
            true
        })
    }
}

fn again(words: &[OsString], loaded: &Plan) -> Result<()> {
    let cli = configured::parse(words).map_err(|refusal| match refusal {
        Refusal::Typed(error) => anyhow!("{}", one_line(&error.to_string())),
        Refusal::Configured(error) => error,
    })?;
    let plan = cli.run.resolve()?;
    let live = Live::open(&Machine::default())?;
    set::set_all(&live, &plan.knobs, plan.auto.is_some(), &mut io::sink())
        .context("nothing is changed")?;
    for what in plan.fixed_differences(loaded) {
        log::warn!("{what} differ from those that were loaded, which stay until a restart");
    }
    Ok(())
}
