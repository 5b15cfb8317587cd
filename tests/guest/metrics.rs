// SPDX-License-Identifier: GPL-2.0-only
//! What exporters say while a program runs, and when none does.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use labkit::process;
use tempfile::TempDir;

use crate::own::Machine;

const LIMIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn whoever_asks_is_told_and_the_file_is_gone_afterwards() {
    let machine = Machine::take();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("scx_meta.prom");
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let options = [
        "--weights",
        "fifo=2,vtime=1",
        "--base-slice",
        "20ms",
        "--metrics",
        &address,
        "--metrics-file",
        file.to_str().unwrap(),
    ];
    let mut own = machine.spawn(&options, |_| ());
    let up = || TcpStream::connect(&address).is_ok();
    assert!(process::await_that(LIMIT, LOOK, up), "{}", own.said());
    assert!(get(&address, "/ready").contains(" 503 "));
    assert!(get(&address, "/metrics").contains("\nscx_meta_up 0\n"));
    own.await_in_charge();
    assert!(get(&address, "/ready").contains(" 200 "));
    let said = get(&address, "/metrics");
    for line in [
        "scx_meta_up 1",
        "scx_meta_weight{policy=\"fifo\"} 2.0",
        "# EOF",
    ] {
        assert!(said.lines().any(|of| of == line), "{line}\n{said}");
    }
    let is_up = || {
        fs::read_to_string(&file)
            .unwrap()
            .contains("\nscx_meta_up 1\n")
    };
    assert!(process::await_that(2 * LIMIT, LOOK, is_up));
    assert!(own.stop(LIMIT).0.success());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_port_that_is_taken_is_named_and_nothing_is_loaded() {
    let machine = Machine::take();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let own = machine.spawn(&["--metrics", &address], |_| ());
    own.await_said(
        &format!("--metrics {address}: Address already in use"),
        1,
        LIMIT,
    );
    assert_eq!(own.await_end(LIMIT).0.code(), Some(1));
}
