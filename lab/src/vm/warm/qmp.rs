// SPDX-License-Identifier: GPL-2.0-only
//! QEMU's control channel, as much of it as stops and continues a guest.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use serde_json::{json, Value};

/// QEMU answers at once, or not at all.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

pub(super) struct Qmp {
    reader: BufReader<UnixStream>,
}

impl Qmp {
    pub(super) fn listen(socket: &Path) -> Result<UnixListener> {
        let listener = UnixListener::bind(socket);
        listener.with_context(|| format!("cannot listen on {}", socket.display()))
    }

    /// Greets the QEMU that connected.
    pub(super) fn greet(stream: UnixStream) -> Result<Self> {
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        let mut qmp = Self {
            reader: BufReader::new(stream),
        };
        let greeting = qmp.next()?;
        if greeting.get("QMP").is_none() {
            bail!("QEMU's control channel begins with {greeting}");
        }
        qmp.execute("qmp_capabilities")?;
        Ok(qmp)
    }

    /// Freezes the guest, its clock included.
    pub(super) fn stop(&mut self) -> Result<()> {
        self.execute("stop")
    }

    pub(super) fn cont(&mut self) -> Result<()> {
        self.execute("cont")
    }

    fn execute(&mut self, command: &str) -> Result<()> {
        let text = json!({ "execute": command }).to_string();
        let mut stream = self.reader.get_ref();
        writeln!(stream, "{text}").with_context(|| format!("cannot ask QEMU to {command}"))?;
        loop {
            let answer = self
                .next()
                .with_context(|| format!("QEMU does not answer {command}"))?;
            if let Some(error) = answer.get("error") {
                bail!("QEMU refuses {command}: {error}");
            }
            // Else an event.
            if answer.get("return").is_some() {
                return Ok(());
            }
        }
    }

    fn next(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            bail!("QEMU closed its control channel");
        }
        serde_json::from_str(&line).with_context(|| format!("QEMU said {line:?}"))
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn events_are_passed_over_and_errors_are_told() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let qemu = thread::spawn(move || {
            let mut reader = BufReader::new(theirs.try_clone().unwrap());
            let mut theirs = theirs;
            writeln!(theirs, r#"{{"QMP": {{}}}}"#).unwrap();
            let answers = [
                r#"{"return": {}}"#,
                "{\"event\": \"STOP\"}\n{\"return\": {}}",
                r#"{"error": {"desc": "no"}}"#,
            ];
            let mut asked = Vec::new();
            for answer in answers {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                asked.push(line.trim().to_string());
                writeln!(theirs, "{answer}").unwrap();
            }
            asked
        });
        let mut qmp = Qmp::greet(ours).unwrap();
        qmp.stop().unwrap();
        let error = qmp.cont().unwrap_err().to_string();
        assert!(error.contains("refuses cont"), "{error}");
        let asked = qemu.join().unwrap();
        assert_eq!(asked[1], r#"{"execute":"stop"}"#);
    }
}
