// SPDX-License-Identifier: GPL-2.0-only
//! What a service manager hears that waits for it (`Type=notify`, `WatchdogSec=`).

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::own::Machine;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_manager_hears_when_it_is_in_charge_that_it_lives_and_when_it_ends() {
    let machine = Machine::take();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let heard = || {
        let mut message = [0; 256];
        let length = socket.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length])
            .trim()
            .to_owned()
    };
    let managed = |command: &mut Command| {
        command.env("NOTIFY_SOCKET", &path);
        command.env("WATCHDOG_USEC", "2000000");
    };
    let mut own = machine.start(&["--policies", "fifo"], managed);
    // Both come at once, from two threads.
    let mut first = [heard(), heard()];
    first.sort_unstable();
    assert_eq!(first, ["READY=1", "WATCHDOG=1"]);
    assert_eq!(heard(), "WATCHDOG=1");
    assert!(own.lives());
    own.signal(libc::SIGTERM);
    while heard() != "STOPPING=1" {}
    assert!(own.await_end(LIMIT).0.success());
}

/// Nobody reads what it is told, and there is room for little.
#[test]
fn a_manager_that_does_not_listen_holds_nobody_up() {
    let machine = Machine::take();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("notify");
    let _socket = UnixDatagram::bind(&path).unwrap();
    let own = machine.start(&["--policies", "fifo"], |command| {
        command.env("NOTIFY_SOCKET", &path);
        command.env("WATCHDOG_USEC", "2000");
    });
    std::thread::sleep(Duration::from_secs(12));
    let (status, took) = own.stop(Duration::from_secs(10));
    assert!(
        status.success() && took < Duration::from_secs(5),
        "{took:?}"
    );
}
