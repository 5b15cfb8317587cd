// SPDX-License-Identifier: GPL-2.0-only
//! Where loads run: beside their services, each in a PID namespace that ends with its block.

use std::process::{Child, Command};

use anyhow::Result;
use labkit::namespace::Namespace;

use crate::service::Services;
use crate::workload::Service;

/// Services beside the loads.
pub trait Scene {
    /// Ends the services that were up, and starts these.
    fn up(&mut self, services: &[&Service]) -> Result<()>;
    /// Fails when something that should be alive is not.
    fn check(&mut self) -> Result<()>;
    /// A place for a load's processes.
    fn pen(&self) -> Result<Box<dyn Pen>>;
}

/// A place for processes; they end when it is dropped.
pub trait Pen {
    /// Starts a command, which leads a process group. Wait for it before the pen is dropped.
    fn spawn(&mut self, command: &mut Command) -> Result<Child>;
}

impl Pen for Namespace {
    fn spawn(&mut self, command: &mut Command) -> Result<Child> {
        Self::spawn(self, command)
    }
}

/// The scene of every trial but the tests'.
pub struct Lab {
    services: Services,
}

impl Lab {
    /// Without services as yet.
    pub fn new() -> Result<Self> {
        // A machine that refuses namespaces does so before anything is measured.
        Namespace::new()?;
        Ok(Self {
            services: Services::default(),
        })
    }
}

impl Scene for Lab {
    fn up(&mut self, services: &[&Service]) -> Result<()> {
        std::mem::take(&mut self.services).stop()?;
        self.services = Services::start(services)?;
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        self.services.check()
    }

    fn pen(&self) -> Result<Box<dyn Pen>> {
        Ok(Box::new(Namespace::new()?))
    }
}
