// SPDX-License-Identifier: GPL-2.0-only
//! Where loads run: beside their services, each in a group that ends with its block.

use std::process::{Child, Command};

use anyhow::Result;

use crate::service::{Group, Guard, Services};
use crate::workload::Service;

/// Services beside the loads, and who sees to it that all of them end.
pub trait Scene {
    /// Ends the services that were up, and starts these.
    fn up(&mut self, services: &[&Service]) -> Result<()>;
    /// Fails when something that should be alive is not.
    fn check(&mut self) -> Result<()>;
    /// A place for a load's processes.
    fn pen(&self, load: &str) -> Result<Box<dyn Pen>>;
}

/// A place for processes; they end when it is dropped.
pub trait Pen {
    /// Starts a command, which leads a process group. To be called from the main thread: the
    /// process ends with the thread that started it.
    fn spawn(&mut self, command: &mut Command) -> Result<Child>;
}

impl Pen for Group {
    fn spawn(&mut self, command: &mut Command) -> Result<Child> {
        self.spawn(command)
    }
}

/// The scene of every trial but the tests'. Services end before the guard does.
pub struct Lab {
    services: Services,
    guard: Guard,
}

impl Lab {
    /// Without services as yet.
    pub fn new(guard: Guard) -> Self {
        Self {
            services: Services::default(),
            guard,
        }
    }
}

impl Scene for Lab {
    fn up(&mut self, services: &[&Service]) -> Result<()> {
        std::mem::take(&mut self.services).stop()?;
        self.services = Services::start(&self.guard, services)?;
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        self.guard.check()?;
        self.services.check()
    }

    fn pen(&self, load: &str) -> Result<Box<dyn Pen>> {
        Ok(Box::new(self.guard.group(load)?))
    }
}
