// SPDX-License-Identifier: GPL-2.0-only
//! Holds a warm guest: a process of its own that outlives the command that started it.
//!
//! It boots the machine, then passes frames between the agent in it and one client at a time. While
//! there is no client the guest stands still: on a virtual clock an idle guest would race ahead, and
//! on the host's clock it would disturb its neighbours.

use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail, ensure, Context, Result};
use labkit::sys;

use super::qmp::Qmp;
use super::state::{identity, Manifest, Place, Up};
use super::wire::Frame;
use super::{slim, state, wire};
use crate::kernel;
use crate::vm::host::{Host, Process};
use crate::vm::{accel, initrd, qemu, streams, Accel, Vm, BOOT_LIMIT};

/// How often the end of QEMU is looked for.
const LOOK: Duration = Duration::from_millis(500);
/// A command that was killed is gone by then, even on a slow machine.
const KILL_LIMIT: Duration = Duration::from_secs(60);

/// Boots the guest of this name and serves it until a signal or the machine's death.
pub fn keep(name: &str) -> Result<()> {
    let place = Place::of(name)?;
    let booted = Keeper::boot(&place);
    booted.and_then(|(mut keeper, listener)| keeper.serve(&place, &listener))
}

struct Keeper {
    host: Host,
    qemu: Process,
    qmp: Qmp,
    agent: UnixStream,
    /// What the agent has not answered yet.
    pending: Pending,
}

#[derive(Clone, Copy, PartialEq)]
enum Pending {
    Nothing,
    File,
    Placed,
    Command,
}

impl Keeper {
    fn boot(place: &Place) -> Result<(Self, UnixListener)> {
        let spec = place.spec()?;
        let vm = Vm {
            kernel: kernel::find(&spec.kernel)?,
            hardware: spec.hardware,
            clock: spec.clock,
            timeout: Duration::ZERO,
            console: None,
        };
        let accel = if vm.clock.is_virtual() {
            Accel::Tcg
        } else {
            accel::usable(&vm.kernel)?
        };
        let host = Host::new()?;
        let dir = host.dir();
        let own = std::env::current_exe().context("cannot tell where this program is")?;
        let (image, files) = initrd::waiting(&slim::of(&own)?)?;
        let initrd = dir.join("initrd");
        std::fs::write(&initrd, image)
            .with_context(|| format!("cannot write {}", initrd.display()))?;
        let mut manifest = Manifest::new();
        for file in files {
            let identity = identity(&file)?;
            manifest.insert(file, identity);
        }
        place.set_manifest(&manifest)?;

        let socket = streams::socket(dir, wire::PORT);
        let port = UnixListener::bind(&socket)
            .with_context(|| format!("cannot listen on {}", socket.display()))?;
        let control = dir.join("qmp");
        let qmp = Qmp::listen(&control)?;
        let parts = qemu::Parts {
            vm: &vm,
            accel,
            dir,
            initrd: &initrd,
            console: &place.console(),
            guest: "lab_output=agent",
            ports: &[wire::PORT],
            control: Some(&control),
        };
        let mut qemu = host.spawn(&mut qemu::command(&parts)?)?;
        let deadline = Instant::now() + BOOT_LIMIT;
        let qmp = accept(&qmp, &mut qemu, deadline)?;
        let mut qmp = Qmp::greet(qmp)?;
        let mut agent = accept(&port, &mut qemu, deadline)?;
        let ready = await_hello(&mut agent, &mut qemu, deadline);
        ready.with_context(|| format!("the VM did not boot; {}", host.said()))?;
        // It is in memory now, and twice the size of the rest.
        std::fs::remove_file(&initrd).context("cannot remove the initrd")?;
        qmp.stop()?;
        let socket = state::control(dir);
        let listener = UnixListener::bind(&socket)
            .with_context(|| format!("cannot listen on {}", socket.display()))?;
        let up = Up {
            pid: std::process::id(),
            qemu: qemu.pid(),
            sockets: dir.to_path_buf(),
            protocol: wire::PROTOCOL,
            accel: accel.to_string(),
        };
        let keeper = Self {
            host,
            qemu,
            qmp,
            agent,
            pending: Pending::Nothing,
        };
        place.set_up(&up)?;
        Ok((keeper, listener))
    }

    fn serve(&mut self, place: &Place, listener: &UnixListener) -> Result<()> {
        let own = std::process::id();
        loop {
            // Its folder may be gone, by cargo clean: nobody would find it any more.
            let known = place.up().is_some_and(|up| up.pid == own);
            ensure!(known, "the guest's folder was removed");
            let ready = sys::poll_readable(&[Some(listener.as_fd())], Some(LOOK))?;
            if self.qemu.ended() {
                bail!("the VM died; {}", self.host.said());
            }
            if ready[0] {
                let (client, _) = listener.accept()?;
                self.qmp.cont()?;
                self.attend(client)?;
                self.settle()?;
                self.qmp.stop()?;
            }
        }
    }

    /// Passes frames both ways until the client leaves.
    fn attend(&mut self, mut client: UnixStream) -> Result<()> {
        loop {
            let fds = [Some(client.as_fd()), Some(self.agent.as_fd())];
            let ready = sys::poll_readable(&fds, Some(LOOK))?;
            if ready[1] {
                let frame = self.heard()?;
                if frame.send(&mut client).is_err() {
                    return Ok(());
                }
            }
            if ready[0] {
                let Ok(Some(frame)) = Frame::receive(&mut client) else {
                    return Ok(());
                };
                self.tell(&frame)?;
            }
            if self.qemu.ended() {
                bail!("the VM died; {}", self.host.said());
            }
        }
    }

    fn tell(&mut self, frame: &Frame) -> Result<()> {
        self.pending = match frame {
            Frame::Put(put) if put.link.is_some() => Pending::Placed,
            Frame::Put(_) => Pending::File,
            Frame::PutEnd => Pending::Placed,
            Frame::Run(_) => Pending::Command,
            _ => self.pending,
        };
        frame.send(&mut self.agent)
    }

    fn heard(&mut self) -> Result<Frame> {
        let frame = Frame::receive(&mut self.agent)
            .and_then(|frame| frame.context("its port is closed"))
            .with_context(|| format!("the VM died; {}", self.host.said()))?;
        if matches!(frame, Frame::Done | Frame::Failed(_) | Frame::Exit(_)) {
            self.pending = Pending::Nothing;
        }
        Ok(frame)
    }

    /// Ends what a client that left has not waited for.
    fn settle(&mut self) -> Result<()> {
        match self.pending {
            Pending::Nothing => return Ok(()),
            Pending::File => self.tell(&Frame::PutEnd)?,
            Pending::Placed => {}
            Pending::Command => self.tell(&Frame::Kill)?,
        }
        let deadline = Instant::now() + KILL_LIMIT;
        while self.pending != Pending::Nothing {
            ensure!(!self.qemu.ended(), "the VM died; {}", self.host.said());
            ensure!(
                Instant::now() < deadline,
                "a command that was killed does not end"
            );
            if sys::poll_readable(&[Some(self.agent.as_fd())], Some(LOOK))?[0] {
                self.heard()?;
            }
        }
        Ok(())
    }
}

/// QEMU's end of a socket.
fn accept(listener: &UnixListener, qemu: &mut Process, deadline: Instant) -> Result<UnixStream> {
    loop {
        if sys::poll_readable(&[Some(listener.as_fd())], Some(LOOK))?[0] {
            return Ok(listener.accept()?.0);
        }
        ensure!(!qemu.ended(), "QEMU ended at once");
        ensure!(Instant::now() < deadline, "QEMU does not connect");
    }
}

fn await_hello(agent: &mut UnixStream, qemu: &mut Process, deadline: Instant) -> Result<()> {
    while !sys::poll_readable(&[Some(agent.as_fd())], Some(LOOK))?[0] {
        ensure!(!qemu.ended(), "QEMU ended");
        ensure!(Instant::now() < deadline, "its agent says nothing");
    }
    match Frame::receive(agent)? {
        Some(Frame::Hello(wire::PROTOCOL)) => Ok(()),
        other => Err(anyhow!("its agent says {other:?}")),
    }
}
