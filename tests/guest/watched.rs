// SPDX-License-Identifier: GPL-2.0-only
//! `scx_meta watch`: what it tells of a program that comes, is changed, and goes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::fixture;
use crate::own::Machine;

const LIMIT: Duration = Duration::from_secs(60);
const STOPPED: Duration = Duration::from_secs(10);

struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    fn start() -> Self {
        let mut command = Command::new(fixture::binary());
        command.args(["watch", "--json"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line is of this kind, and has that in it.
    fn tells(&self, event: &str, more: &str) {
        let line = self.lines.recv_timeout(LIMIT).unwrap();
        println!("{line}");
        let kind = format!("\"event\":\"{event}\"");
        assert!(line.contains(&kind) && line.contains(more), "{line}");
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_tells_who_comes_what_is_set_and_who_goes() {
    let machine = Machine::take();
    let watch = Watch::start();
    watch.tells("gone", "");
    let own = machine.start(&["--policies", "fifo,vtime"], |_| ());
    watch.tells("in_charge", "\"policy\":");
    for (command, event, more) in [
        ("pin vtime", "pinned", "\"policy\":\"vtime\""),
        ("unpin", "unpinned", ""),
        ("set vtime=3", "weight", "\"new\":3,\"old\":0"),
    ] {
        let mut meta = Command::new(fixture::binary());
        let done = meta.args(command.split(' ')).output().unwrap();
        assert!(done.status.success(), "{command}");
        watch.tells(event, more);
    }
    assert!(own.stop(STOPPED).0.success());
    watch.tells("gone", "");
}
