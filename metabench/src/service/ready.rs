// SPDX-License-Identifier: GPL-2.0-only
//! Is a service up? One look at a time, so that its life can be watched in between.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use labkit::namespace::Namespace;
use labkit::process;

use crate::workload::{Ready, Service};

/// Longest wait for one answer. A service that has died gives none, and the connection ends.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// What a look came to.
#[derive(Debug, PartialEq)]
pub enum Look {
    /// It is up.
    Ready,
    /// It is not, and this is how it shows.
    NotYet(String),
}

/// Looks at one service.
pub struct Looker<'a> {
    service: &'a Service,
    /// A command that looks.
    looking: Option<Child>,
    /// How the last one ended.
    ended: Option<String>,
}

impl<'a> Looker<'a> {
    /// Of a service that was just started.
    pub fn new(service: &'a Service) -> Self {
        Self {
            service,
            looking: None,
            ended: None,
        }
    }

    /// One look. A command that looks is started beside the service, in its namespace.
    pub fn look(&mut self, namespace: &Namespace) -> Result<Look> {
        Ok(match &self.service.ready {
            Ready::Http(url) => http(url),
            Ready::Tcp(address) => tcp(address),
            Ready::Command(words) => self.command(words, namespace)?,
            Ready::Started => Look::Ready,
        })
    }

    fn command(&mut self, words: &[String], namespace: &Namespace) -> Result<Look> {
        let mut command = command(words, self.service)?;
        let shown = process::shown(&command);
        let mut child = match self.looking.take() {
            Some(child) => child,
            None => namespace.spawn(command.stdout(Stdio::null()).stderr(Stdio::null()))?,
        };
        let status = child
            .try_wait()
            .with_context(|| format!("cannot wait for {shown}"))?;
        match status {
            Some(status) if status.success() => return Ok(Look::Ready),
            Some(status) => self.ended = Some(format!("`{shown}` ended ({status})")),
            None => self.looking = Some(child),
        }
        let ended = self.ended.clone();
        Ok(Look::NotYet(
            ended.unwrap_or_else(|| format!("`{shown}` still runs")),
        ))
    }
}

/// A namespace does not end before our children in it were waited for.
impl Drop for Looker<'_> {
    fn drop(&mut self) {
        if let Some(looking) = &mut self.looking {
            let _ = looking.kill();
            let _ = looking.wait();
        }
    }
}

/// A command as the service wants it run, with nothing to read.
pub(super) fn command(words: &[String], service: &Service) -> Result<Command> {
    let (program, arguments) = words
        .split_first()
        .with_context(|| format!("service {}: a command without words", service.name))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(&service.environment)
        .current_dir(&service.folder)
        .stdin(Stdio::null());
    Ok(command)
}

fn http(url: &str) -> Look {
    let request = minreq::get(url).with_timeout(ANSWER_LIMIT.as_secs());
    // Lazy: what follows the status does not matter, and may be long.
    match request.send_lazy() {
        Ok(response) if (200..300).contains(&response.status_code) => Look::Ready,
        Ok(response) => Look::NotYet(format!("GET {url}: status {}", response.status_code)),
        Err(error) => Look::NotYet(format!("GET {url}: {error}")),
    }
}

fn tcp(address: &str) -> Look {
    match connect(address) {
        Ok(()) => Look::Ready,
        Err(error) => Look::NotYet(format!("{address}: {error}")),
    }
}

fn connect(address: &str) -> io::Result<()> {
    let mut refused = io::Error::other("no such address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, ANSWER_LIMIT) {
            Ok(_) => return Ok(()),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Answers one request with this status line, and more body than anybody wants.
    fn answer_once(status: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(&stream).lines();
            assert_eq!(lines.next().unwrap().unwrap(), "GET /up HTTP/1.1");
            while !lines.next().unwrap().unwrap().is_empty() {}
            let mut stream = &stream;
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 9999\r\n\r\n");
        });
        address
    }

    #[test]
    fn http_is_ready_at_a_status_of_success_only() {
        let url = |address| format!("http://{address}/up");
        assert_eq!(http(&url(answer_once("204 No Content"))), Look::Ready);
        let Look::NotYet(why) = http(&url(answer_once("503 Starting"))) else {
            panic!("503 is not ready");
        };
        assert!(why.ends_with("/up: status 503"), "{why}");
    }

    #[test]
    fn nobody_there_is_not_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert_eq!(tcp(&address), Look::Ready);
        // A port that was just left may be somebody else's by now; this one is nobody's.
        let address = "127.0.0.1:1";
        assert!(matches!(tcp(address), Look::NotYet(why) if why.starts_with(address)));
        let url = format!("http://{address}/");
        assert!(matches!(http(&url), Look::NotYet(why) if why.contains(&url)));
        assert!(matches!(tcp("nowhere"), Look::NotYet(_)));
    }
}
