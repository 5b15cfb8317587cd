// SPDX-License-Identifier: GPL-2.0-only
//! The services of a workload: started one after the other, watched, stopped in reverse order.

use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use labkit::tail::Tail;
use labkit::{process, sys};

use super::group::Group;
use super::guard::Guard;
use super::ready;
use super::ready::{Look, Looker};
use crate::workload::Service;

/// How often a wait looks whether a service is up, and still alive.
const POLL: Duration = Duration::from_millis(100);

/// How long a service may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// Services that are up. Dropping them stops them.
#[derive(Default)]
pub struct Services {
    /// In the order of starting.
    running: Vec<Running>,
}

struct Running {
    name: String,
    child: Child,
    tail: Tail,
    /// None once it was ended.
    group: Option<Group>,
}

impl Services {
    /// Starts each when those before it are up, and waits until the last one is. To be called from
    /// the main thread: a process ends with the thread that started it.
    pub fn start(guard: &Guard, services: &[&Service]) -> Result<Self> {
        let mut started = Self::default();
        for service in services {
            started.running.push(Running::start(guard, service)?);
            started
                .wait_ready(service)
                .with_context(|| format!("service {}", service.name))?;
        }
        Ok(started)
    }

    /// Fails when a service has died.
    pub fn check(&mut self) -> Result<()> {
        self.running.iter_mut().try_for_each(Running::check)
    }

    /// Stops all, the last one first.
    pub fn stop(mut self) -> Result<()> {
        self.stop_all()
    }

    /// Waits for the last one.
    fn wait_ready(&mut self, service: &Service) -> Result<()> {
        let deadline = Instant::now() + service.ready_limit;
        let mut looker = Looker::new(service);
        loop {
            thread::sleep(POLL);
            self.check()?;
            ensure!(!sys::interrupted(), "interrupted");
            let Some(Running {
                group: Some(group),
                tail,
                ..
            }) = self.running.last_mut()
            else {
                return Ok(());
            };
            match looker.look(group)? {
                Look::Ready => return Ok(()),
                Look::NotYet(why) if Instant::now() > deadline => {
                    let limit = service.ready_limit;
                    bail!("not up after {limit:?}: {why}{tail}");
                }
                Look::NotYet(_) => {}
            }
        }
    }

    fn stop_all(&mut self) -> Result<()> {
        let mut result = Ok(());
        while let Some(mut service) = self.running.pop() {
            // Whatever became of it, the others are to end, too.
            result = result.and(service.stop());
        }
        result
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        if let Err(error) = self.stop_all() {
            eprintln!("scx_metabench: {error:#}");
        }
    }
}

impl Running {
    fn start(guard: &Guard, service: &Service) -> Result<Self> {
        let name = service.name.clone();
        let context = || format!("service {}", service.name);
        let mut group = guard.group(&name).with_context(context)?;
        let mut command = ready::command(&service.command, service)?;
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = group.spawn(&mut command).with_context(context)?;
        let tail = Tail::of(&mut child);
        Ok(Self {
            name,
            child,
            tail,
            group: Some(group),
        })
    }

    fn check(&mut self) -> Result<()> {
        let status = self.child.try_wait().context("cannot wait for a service")?;
        match status {
            None => Ok(()),
            Some(status) => bail!(
                "service {} ended ({status}), but must stay in the foreground{}",
                self.name,
                self.tail
            ),
        }
    }

    fn stop(&mut self) -> Result<()> {
        let Some(group) = self.group.take() else {
            return Ok(());
        };
        group.end(GRACE)?;
        let ended = process::wait_for(&mut self.child, GRACE)?;
        ensure!(
            ended.is_some(),
            "service {} was killed and still lives",
            self.name
        );
        Ok(())
    }
}

/// Of a service that was started when the next one failed.
impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("scx_metabench: {error:#}");
        }
    }
}
