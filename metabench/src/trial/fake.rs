// SPDX-License-Identifier: GPL-2.0-only
//! For tests: a trial without schedulers, services and namespaces.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::{Child, Command};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{ensure, Result};
use labkit::charge::setting::Setting;
use labkit::charge::InCharge;
use labkit::sys;

use super::scene::{Pen, Scene};
use crate::reading::Reader;
use crate::record::{Block, Part, Plan, Stage};
use crate::workload::{Application, Load, Service, Workload};

/// Options as they are typed; the first word is the command.
pub(crate) fn typed<A: clap::Args>(
    words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<A, clap::Error> {
    #[derive(clap::Parser)]
    struct Cli<A: clap::Args> {
        #[command(flatten)]
        args: A,
    }
    let cli: Cli<A> = clap::Parser::try_parse_from(words)?;
    Ok(cli.args)
}

pub(crate) struct Street;

impl Pen for Street {
    fn spawn(&mut self, command: &mut Command) -> Result<Child> {
        Ok(sys::in_own_group(command, libc::SIGKILL).spawn()?)
    }
}

pub(crate) type Story = Rc<RefCell<Vec<String>>>;

/// Puts nobody in charge, but says so.
pub(crate) struct Nobody {
    pub(crate) story: Story,
    /// `check` fails from then on.
    pub(crate) dead: bool,
}

impl InCharge for Nobody {
    fn put(&mut self, setting: &Setting) -> Result<()> {
        self.story.borrow_mut().push(setting.to_string());
        Ok(())
    }

    fn settle(&mut self, least: Duration) -> Result<Duration> {
        Ok(least)
    }

    fn check(&mut self) -> Result<()> {
        ensure!(!self.dead, "scx_meta is not in charge any more");
        Ok(())
    }
}

pub(crate) struct FakeScene {
    pub(crate) story: Story,
    /// `check` fails when the story is so long.
    pub(crate) dies_after: usize,
}

impl Scene for FakeScene {
    fn up(&mut self, services: &[&Service]) -> Result<()> {
        let names: Vec<_> = services.iter().map(|service| &*service.name).collect();
        self.story
            .borrow_mut()
            .push(format!("up: {}", names.join(" ")));
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        ensure!(
            self.story.borrow().len() < self.dies_after,
            "service web ended"
        );
        Ok(())
    }

    fn pen(&self) -> Result<Box<dyn Pen>> {
        Ok(Box::new(Street))
    }
}

/// `sh -c SCRIPT`, which prints its throughput behind `rate`.
pub(crate) fn load(name: &str, script: &str, repeat: bool) -> Load {
    Load {
        name: name.into(),
        command: ["sh", "-c", script].map(String::from).into(),
        environment: BTreeMap::from([("GREETING".into(), "rate".into())]),
        repeat,
        reader: Reader::metric("rate ([0-9.]+)").unwrap(),
    }
}

pub(crate) fn application(name: &str, loads: Vec<Load>) -> Application {
    Application {
        name: name.into(),
        services: Vec::new(),
        concurrency: 1,
        unit: "things/s".into(),
        window: Duration::ZERO,
        warm_up: Duration::ZERO,
        closed_loop: true,
        loads,
        turns: Vec::new(),
    }
}

pub(crate) fn workload(applications: &[Application]) -> Workload {
    Workload {
        name: "test".into(),
        notes: Vec::new(),
        folder: "/".into(),
        services: Vec::new(),
        applications: applications.to_vec(),
        whole: None,
        scenario: None,
    }
}

/// Of nothing; to be filled in.
pub(crate) fn plan(stage: Stage) -> Plan {
    Plan {
        stage,
        workload: "test".into(),
        notes: Vec::new(),
        subjects: Vec::new(),
        rows: Vec::new(),
        rounds: 8,
        command: Vec::new(),
        seed: 5,
        boot_id: String::new(),
        date: String::new(),
    }
}

/// The first of all, under EEVDF, with these throughputs of its parts.
pub(crate) fn block(parts: &[(&str, f64)]) -> Block {
    let part = |&(name, throughput): &(&str, f64)| Part {
        name: name.into(),
        throughput,
        latency: None,
    };
    Block {
        subject: "web".into(),
        round: 0,
        position: 0,
        row: None,
        seconds: 2.0,
        phase_us: None,
        settled_ms: 512.0,
        replaced: None,
        parts: parts.iter().map(part).collect(),
        lead_s: 0.0,
        chosen: Vec::new(),
        signals: None,
    }
}
