// SPDX-License-Identifier: GPL-2.0-only
//! Shares a host folder with the guest: one virtiofsd each.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use anyhow::bail;
use anyhow::Result;

use super::host::Host;
use super::host::Process;
use crate::virtiofsd;

const START_LIMIT: Duration = Duration::from_secs(20);

/// A folder on offer to the guest.
pub struct Share {
    /// The name it is mounted by.
    pub tag: String,
    /// Where QEMU finds the daemon.
    pub socket: PathBuf,
    _daemon: Process,
}

/// Starts to share `folder` and waits until it is ready.
pub fn start(host: &Host, tag: &str, folder: &Path, writable: bool) -> Result<Share> {
    let socket = host.dir().join(format!("fs-{tag}"));
    let mut command = Command::new(virtiofsd::path()?);
    command
        .args([
            "--sandbox=none",
            "--inode-file-handles=never",
            "--log-level=error",
        ])
        .arg("--shared-dir")
        .arg(folder)
        .arg("--socket-path")
        .arg(&socket);
    if !writable {
        command.args(["--readonly", "--cache=always"]);
    }
    let mut daemon = host.spawn(&mut command)?;
    let deadline = Instant::now() + START_LIMIT;
    while !socket.exists() {
        if daemon.ended() || Instant::now() > deadline {
            bail!(
                "virtiofsd did not start: {}",
                crate::command::line(&command)
            );
        }
        sleep(Duration::from_millis(10));
    }
    Ok(Share {
        tag: tag.to_string(),
        socket,
        _daemon: daemon,
    })
}
