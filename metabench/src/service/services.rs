// SPDX-License-Identifier: GPL-2.0-only
//! The services of a workload: started one after the other, watched, stopped in reverse order.

use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure, Context, Result};
use labkit::namespace::Namespace;
use labkit::sys;
use labkit::tail::Tail;

use super::ready::{self, Look, Looker};
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
    namespace: Namespace,
}

impl Services {
    /// Starts each when those before it are up, and waits until the last one is.
    pub fn start(services: &[&Service]) -> Result<Self> {
        let mut started = Self::default();
        for service in services {
            started
                .start_one(service)
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

    fn start_one(&mut self, service: &Service) -> Result<()> {
        self.running.push(Running::start(service)?);
        let deadline = Instant::now() + service.ready_limit;
        let mut looker = Looker::new(service);
        loop {
            thread::sleep(POLL);
            self.check()?;
            ensure!(!sys::interrupted(), "interrupted");
            let Some(Running {
                namespace, tail, ..
            }) = self.running.last()
            else {
                return Ok(());
            };
            match looker.look(namespace)? {
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
        while let Some(service) = self.running.pop() {
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
    fn start(service: &Service) -> Result<Self> {
        let namespace = Namespace::new()?;
        let mut command = ready::command(&service.command, service)?;
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = namespace.spawn(&mut command)?;
        Ok(Self {
            name: service.name.clone(),
            tail: Tail::of(&mut child),
            child,
            namespace,
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

    fn stop(mut self) -> Result<()> {
        self.namespace
            .end(&mut self.child, GRACE)
            .with_context(|| format!("cannot end service {}", self.name))
    }
}
