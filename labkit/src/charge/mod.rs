// SPDX-License-Identifier: GPL-2.0-only
//! Puts a [`Setting`] in charge, and keeps watch over it.
//!
//! ```text
//! EEVDF            nothing is loaded
//! hold, rotate     meta: one process of scx_meta for all of them; live maps say which
//! auto             meta: a process of its own each time, which knows nothing yet
//! choose           meta: the process that also holds, and knows what it knew; see Charge::with_auto
//! twins            meta: the same of another build
//! outside          outside: somebody else's process
//! replace          replace: a thread that ends one process and starts the next
//! ```
//!
//! Whatever the setting, nothing of ours runs while a block is measured, but for `replace`, whose
//! running is what is measured.

mod meta;
pub mod others;
mod outside;
mod process;
pub mod replace;
pub mod rotation;
pub mod scheduler;
pub mod setting;
pub mod settle;
pub mod signals;
pub mod watch;

use std::mem;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use scx_meta::auto::Learned;
use scx_meta::machine::Machine;
use scx_meta::policy::Policy;
use scx_meta::weights::PolicyList;

use self::meta::Loaded;
use self::outside::Outside;
use self::replace::{Replaced, Replacer};
use self::rotation::Rotation;
use self::signals::Signals;
use crate::charge::setting::Setting;
use crate::scx;

/// How closely a start is watched: its length does not matter here.
const WATCH_POLL: Duration = Duration::from_millis(2);

/// How often a wait looks.
const POLL: Duration = Duration::from_millis(10);

/// Who can put settings in charge: [`Charge`], or what a test takes for it.
pub trait InCharge {
    /// Puts the setting in charge; on return it is. To be called from the main thread.
    fn put(&mut self, setting: &Setting) -> Result<()>;

    /// Waits at least so long, until nothing runs any more that queued under an earlier setting;
    /// returns how long it was.
    fn settle(&mut self, least: Duration) -> Result<Duration>;

    /// Fails when what was put in charge no longer is.
    fn check(&mut self) -> Result<()>;

    /// What a scheduler that chooses by itself has found out, if one does.
    fn learned(&self) -> Result<Option<Learned>> {
        Ok(None)
    }

    /// What scx_meta's own signals came to since load, of the policy that is held, if they are on.
    fn signals(&self) -> Result<Option<Signals>> {
        Ok(None)
    }

    /// What replacing processes cost since the last put, if that was asked for.
    fn replaced(&self) -> Option<Replaced> {
        None
    }
}

/// The programs that schedule.
#[derive(Clone, Debug)]
pub struct Programs {
    /// scx_meta as it is.
    pub scx_meta: PathBuf,
    /// scx_meta with one policy in two rows, if there is such a build.
    pub twins: Option<PathBuf>,
}

/// In charge of the machine's scheduling. Dropping it leaves nothing loaded.
pub struct Charge {
    programs: Programs,
    policies: PolicyList,
    /// More options of the process that serves all settings that it can.
    options: Vec<String>,
    /// Policies that are held count their signals.
    signals: bool,
    now: Now,
}

/// What was put in charge last.
enum Now {
    Eevdf,
    Meta(Box<Loaded>),
    Outside(Box<Outside>),
    Replacing(Replacer),
}

impl Charge {
    /// Loads nothing yet, but fails when scx_meta could not be loaded here: not this kernel, not
    /// these privileges, or another sched_ext scheduler is in charge.
    pub fn new(programs: Programs, policies: &[String]) -> Result<Self> {
        for program in [Some(&programs.scx_meta), programs.twins.as_ref()] {
            let Some(program) = program else {
                continue;
            };
            ensure!(program.is_file(), "no program {}", program.display());
        }
        let policies = policies.join(",").parse().context("--policies")?;
        Machine::default().require_all()?;
        Ok(Self {
            programs,
            policies,
            options: Vec::new(),
            signals: false,
            now: Now::Eevdf,
        })
    }

    /// Has policies that are held count their signals, which costs a little.
    pub fn with_signals(mut self, signals: bool) -> Self {
        self.signals = signals;
        self.options.extend(signals.then(|| "--signals".into()));
        self
    }

    /// Has it choose by itself whenever nothing else is asked for, by these options: `--auto=fifo,vtime`.
    /// Policies that are held count their signals then, which costs a little.
    pub fn with_auto(mut self, options: impl IntoIterator<Item = String>) -> Self {
        self.options.extend(options);
        self
    }

    /// One process serves all settings that it can.
    fn load(&mut self, program: PathBuf, policies: &PolicyList) -> Result<&mut Loaded> {
        if !matches!(&self.now, Now::Meta(loaded) if loaded.is(&program, policies)) {
            self.unload()?;
            self.now = Now::Meta(Box::new(Loaded::start(program, policies, &self.options)?));
        }
        match &mut self.now {
            Now::Meta(loaded) => Ok(loaded),
            Now::Eevdf | Now::Outside(_) | Now::Replacing(_) => {
                unreachable!("it was loaded just now")
            }
        }
    }

    fn unload(&mut self) -> Result<()> {
        match mem::replace(&mut self.now, Now::Eevdf) {
            Now::Eevdf => Ok(()),
            Now::Meta(loaded) => loaded.stop(),
            Now::Outside(outside) => outside.stop(),
            Now::Replacing(replacer) => replacer.stop(),
        }
    }

    fn hold(&mut self, name: &str) -> Result<()> {
        let policy: Policy = name.parse()?;
        ensure!(
            self.policies.contains(policy),
            "{policy} is not among --policies"
        );
        let policies = self.policies.clone();
        let program = self.programs.scx_meta.clone();
        self.load(program, &policies)?.hold(policy)
    }

    fn choose(&mut self) -> Result<()> {
        let policies = self.policies.clone();
        let program = self.programs.scx_meta.clone();
        self.load(program, &policies)?.choose()
    }

    fn outside(&mut self, command: &[String]) -> Result<()> {
        if !matches!(&self.now, Now::Outside(outside) if outside.is(command)) {
            self.unload()?;
            self.now = Now::Outside(Box::new(Outside::start(command)?));
        }
        Ok(())
    }

    /// What an earlier one has found out is forgotten.
    fn auto(&mut self, options: &[String]) -> Result<()> {
        self.unload()?;
        let program = self.programs.scx_meta.clone();
        self.now = Now::Meta(Box::new(Loaded::with_options(program, options)?));
        Ok(())
    }

    fn twins(&mut self, rotation: Rotation) -> Result<()> {
        let program = self.programs.twins.clone();
        let program = program.context("no build of scx_meta with one policy in two rows")?;
        let rows = rotation.policies();
        self.load(program, &rows)?.rotate(rotation)
    }
}

impl InCharge for Charge {
    fn put(&mut self, setting: &Setting) -> Result<()> {
        self.check()?;
        let rotation = || Rotation::of(setting, &self.policies);
        match setting {
            Setting::Eevdf => self.unload(),
            Setting::Hold { policy } => self.hold(policy),
            Setting::Auto { options } => self.auto(options),
            Setting::Choose => self.choose(),
            Setting::Outside { command } => self.outside(command),
            Setting::Rotate { .. } => {
                let rotation = rotation()?;
                let policies = self.policies.clone();
                let program = self.programs.scx_meta.clone();
                self.load(program, &policies)?.rotate(rotation)
            }
            Setting::Twins { .. } => {
                let rotation = Rotation::of(setting, &PolicyList::all())?;
                self.twins(rotation)
            }
            Setting::Replace { .. } => {
                let rotation = rotation()?;
                self.unload()?;
                let program = self.programs.scx_meta.clone();
                self.now = Now::Replacing(Replacer::start(program, &rotation)?);
                Ok(())
            }
        }
        .with_context(|| match setting {
            Setting::Outside { .. } => format!("--also '{setting}': cannot put it in charge"),
            _ => format!("cannot put {setting} in charge"),
        })
    }

    fn settle(&mut self, least: Duration) -> Result<Duration> {
        match &self.now {
            // Nothing queues for long, or everything is still coming and going.
            Now::Eevdf | Now::Outside(_) | Now::Replacing(_) => settle::settle(least, || Ok(0)),
            Now::Meta(loaded) => settle::settle(least, || loaded.left_behind()),
        }
    }

    fn check(&mut self) -> Result<()> {
        match &mut self.now {
            Now::Eevdf => check_disabled(),
            Now::Meta(loaded) => loaded.check(),
            Now::Outside(outside) => outside.check(),
            Now::Replacing(replacer) => replacer.check(),
        }
    }

    fn learned(&self) -> Result<Option<Learned>> {
        match &self.now {
            Now::Meta(loaded) => loaded.learned(),
            Now::Eevdf | Now::Outside(_) | Now::Replacing(_) => Ok(None),
        }
    }

    fn signals(&self) -> Result<Option<Signals>> {
        match &self.now {
            Now::Meta(loaded) if self.signals => loaded.signals(),
            _ => Ok(None),
        }
    }

    fn replaced(&self) -> Option<Replaced> {
        match &self.now {
            Now::Replacing(replacer) => Some(replacer.replaced()),
            Now::Eevdf | Now::Meta(_) | Now::Outside(_) => None,
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Err(error) = self.unload() {
            eprintln!("while ending the scheduler: {error:#}");
        }
    }
}

fn check_disabled() -> Result<()> {
    let state = scx::state()?;
    let ops = scx::ops()?.unwrap_or_default();
    ensure!(
        state == "disabled",
        "EEVDF should be in charge, but sched_ext is {state} {ops}"
    );
    Ok(())
}
