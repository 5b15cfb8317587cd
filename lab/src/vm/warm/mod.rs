// SPDX-License-Identifier: GPL-2.0-only
//! Guests that stay up between commands: a command in one costs no boot, and only what changed of
//! its files is brought in.

mod agent;
mod client;
mod keeper;
mod qmp;
mod slim;
mod state;
mod wire;

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{bail, ensure, Context, Result};
use labkit::sys;

pub use self::agent::run as agent;
pub use self::client::exec;
pub use self::keeper::keep;
pub use self::state::{Place, Spec};

use super::{Failure, BOOT_LIMIT};

/// The hidden command that holds a guest.
pub const KEEP: &str = "vm-keep";

const LOOK: Duration = Duration::from_millis(50);
/// Beside the boot: the image is put together, a clock's plugin is built.
const START_LIMIT: Duration = Duration::from_secs(BOOT_LIMIT.as_secs() + 120);
const END_LIMIT: Duration = Duration::from_secs(20);

/// Makes sure that the guest is up and what it should be; whether it had to be started.
pub fn up(place: &Place, spec: &Spec) -> Result<bool> {
    let _one = place.lock()?;
    if place.up().is_some() {
        let is = place.spec()?;
        ensure!(
            is == *spec,
            "the guest {} is up as another machine ({}, {}, {}): cargo xtask vm down {0}",
            place.name,
            is.kernel,
            is.clock,
            is.hardware.describe()
        );
        return Ok(false);
    }
    place.clear()?;
    place.set_spec(spec)?;
    let own = env::current_exe().context("cannot tell where this program is")?;
    let log = File::create(place.log()).context("cannot write the guest's log")?;
    let mut command = Command::new(own);
    command
        .args([KEEP, &place.name])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    let mut keeper = sys::outliving_us(&mut command)
        .spawn()
        .context("cannot start what holds the guest")?;
    await_up(place, &mut keeper)?;
    Ok(true)
}

fn await_up(place: &Place, keeper: &mut Child) -> Result<()> {
    let deadline = Instant::now() + START_LIMIT;
    while place.up().is_none() {
        let ended = keeper.try_wait()?.is_some();
        if ended || Instant::now() > deadline {
            let _ = keeper.kill();
            let _ = keeper.wait();
            let failure = Failure::NoBoot(String::new());
            return Err(failure.with_console(&place.console(), place.dir()));
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

/// Ends the guest; whether it was up.
pub fn down(place: &Place) -> Result<bool> {
    let _one = place.lock()?;
    let Some(up) = place.up() else {
        place.remove()?;
        return Ok(false);
    };
    // QEMU dies with it.
    sys::kill(up.pid, libc::SIGTERM).context("cannot end what holds the guest")?;
    let deadline = Instant::now() + END_LIMIT;
    while place.up().is_some() {
        if Instant::now() > deadline {
            bail!(
                "process {} holds the guest {} and does not end",
                up.pid,
                place.name
            );
        }
        thread::sleep(LOOK);
    }
    if up.sockets.exists() {
        std::fs::remove_dir_all(&up.sockets)
            .with_context(|| format!("cannot remove {}", up.sockets.display()))?;
    }
    place.remove()?;
    Ok(true)
}
