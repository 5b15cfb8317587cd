// SPDX-License-Identifier: GPL-2.0-only
//! The half of a warm guest that runs in it: writes files, and runs one command at a time.
//!
//! A command gets a session of its own. When it has ended, what is left of that session is killed,
//! so that no test disturbs the next; what made a session for itself stays, on purpose.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{symlink, OpenOptionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{fs, io};

use anyhow::{bail, Context, Result};
use labkit::sys;

use super::wire::{Frame, Put, Run, CHUNK, PROTOCOL};

/// A process that does not end when it is killed would keep us for ever.
const KILL_ROUNDS: u32 = 500;
const KILL_PAUSE: Duration = Duration::from_millis(10);
/// What a shell says when it cannot start a program.
const NOT_STARTED: i32 = 127;

/// Serves the port until the host closes it.
pub fn run(port: &Path) -> Result<()> {
    let mut port = File::options()
        .read(true)
        .write(true)
        .open(port)
        .with_context(|| format!("cannot open {}", port.display()))?;
    Frame::Hello(PROTOCOL).send(&mut port)?;
    while let Some(frame) = Frame::receive(&mut port)? {
        match frame {
            Frame::Put(put) => match write(&put, &mut port)? {
                Ok(()) => Frame::Done.send(&mut port)?,
                Err(error) => Frame::Failed(format!("{}: {error}", put.path)).send(&mut port)?,
            },
            Frame::Run(job) => {
                let status = match start(&job) {
                    Ok(child) => follow(child, &mut port)?,
                    Err(error) => {
                        let said = format!("lab: {error:#}\n").into_bytes();
                        Frame::Err(said).send(&mut port)?;
                        NOT_STARTED
                    }
                };
                Frame::Exit(status).send(&mut port)?;
            }
            // For a command that ended meanwhile.
            Frame::Kill => {}
            other => bail!("the host sent {other:?}"),
        }
    }
    Ok(())
}

/// Takes the file's bytes off the wire, all of them even where they cannot be written.
fn write(put: &Put, port: &mut File) -> Result<io::Result<()>> {
    let path = Path::new(&put.path);
    let fresh = path.with_extension("lab-new");
    if let (Some(to), Some(folder)) = (&put.link, path.parent()) {
        let _ = fs::remove_file(path);
        return Ok(fs::create_dir_all(folder).and_then(|()| symlink(to, path)));
    }
    let mut file = create(&fresh, put.mode);
    loop {
        match Frame::receive(port)?.context("the host left within a file")? {
            Frame::Data(bytes) => {
                if let Ok(open) = &mut file {
                    if let Err(error) = open.write_all(&bytes) {
                        file = Err(error);
                    }
                }
            }
            // A program that runs keeps the old file.
            Frame::PutEnd => return Ok(file.and_then(|_| fs::rename(&fresh, path))),
            other => bail!("the host sent {other:?} within a file"),
        }
    }
}

fn create(path: &Path, mode: u32) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut options = File::options();
    options.write(true).create(true).truncate(true).mode(mode);
    options.open(path)
}

fn start(job: &Run) -> Result<Child> {
    let (program, args) = job.argv.split_first().context("an empty command")?;
    fs::create_dir_all(&job.cwd).with_context(|| format!("cannot make {}", job.cwd))?;
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .envs(&job.env)
        .current_dir(&job.cwd)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = sys::in_own_session(&mut command).spawn();
    child.with_context(|| format!("cannot start {program}"))
}

/// Passes on what the command says until it has ended and nothing of it is left; its status.
fn follow(mut child: Child, port: &mut File) -> Result<i32> {
    let session = child.id();
    let ended = sys::pidfd(session).context("no pidfd of the command")?;
    let mut out = child.stdout.take().context("no standard output")?;
    let mut err = child.stderr.take().context("no standard error")?;
    let (mut out_open, mut err_open) = (true, true);
    let mut status = None;
    loop {
        // Once it has ended, only what is already in the pipes: a process that stays may keep
        // them open.
        let limit = status.map(|_| Duration::ZERO);
        let ready = sys::poll_readable(
            &[
                out_open.then(|| out.as_fd()),
                err_open.then(|| err.as_fd()),
                status.is_none().then(|| ended.as_fd()),
                status.is_none().then(|| port.as_fd()),
            ],
            limit,
        )?;
        if ready[0] {
            out_open = pass(&mut out, Frame::Out, port)?;
        }
        if ready[1] {
            err_open = pass(&mut err, Frame::Err, port)?;
        }
        if let (Some(status), false, false) = (status, ready[0], ready[1]) {
            return Ok(status);
        }
        if ready[2] {
            let end = child.wait().context("cannot wait for the command")?;
            kill_session(session)?;
            status = Some(as_shell(end));
        }
        if ready[3] {
            match Frame::receive(port)?.context("the host left")? {
                Frame::Kill => kill_session(session)?,
                other => bail!("the host sent {other:?} while a command runs"),
            }
        }
    }
}

/// Sends on one piece; false at the end of the stream.
fn pass(from: &mut impl Read, kind: fn(Vec<u8>) -> Frame, port: &mut File) -> Result<bool> {
    let mut bytes = vec![0; CHUNK];
    let got = from.read(&mut bytes).context("cannot read a pipe")?;
    bytes.truncate(got);
    if got > 0 {
        kind(bytes).send(port)?;
    }
    Ok(got > 0)
}

fn as_shell(status: ExitStatus) -> i32 {
    let signal = status.signal().map(|signal| 128 + signal);
    status.code().or(signal).unwrap_or(1)
}

/// Kills all processes of a session, those that start meanwhile too.
fn kill_session(session: u32) -> Result<()> {
    for _ in 0..KILL_ROUNDS {
        let left = members(session)?;
        if left.is_empty() {
            return Ok(());
        }
        for pid in left {
            // One that is gone by now needs no signal.
            let _ = sys::kill(pid, libc::SIGKILL);
        }
        std::thread::sleep(KILL_PAUSE);
    }
    bail!(
        "processes of the command do not end: {:?}",
        members(session)?
    )
}

/// Processes of a session that are not just waiting to be waited for.
fn members(session: u32) -> Result<Vec<u32>> {
    let mut members = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot read /proc")? {
        let path: PathBuf = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Ok(pid) = name.parse() else { continue };
        // Gone meanwhile.
        let Ok(stat) = fs::read_to_string(path.join("stat")) else {
            continue;
        };
        if lives_in(&stat, session) {
            members.push(pid);
        }
    }
    Ok(members)
}

/// `PID (NAME) STATE PARENT GROUP SESSION …`, where NAME may have anything in it.
fn lives_in(stat: &str, session: u32) -> bool {
    let Some((_, rest)) = stat.rsplit_once(") ") else {
        return false;
    };
    let words: Vec<&str> = rest.split(' ').collect();
    let dead = matches!(words.first(), Some(&"Z" | &"X"));
    !dead && words.get(3).and_then(|word| word.parse().ok()) == Some(session)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_read_past_any_name() {
        assert!(lives_in("7 (a) b) S 1 7 42 0", 42));
        assert!(!lives_in("7 (sh) S 1 42 7 0", 42));
        assert!(!lives_in("7 (sh) Z 1 7 42 0", 42));
        assert!(!lives_in("", 42));
    }

    #[test]
    fn what_stays_in_the_session_dies_and_what_left_it_lives() {
        let dir = tempfile::tempdir().unwrap();
        let port = dir.path().join("port");
        let mut file = File::create(&port).unwrap();
        file.write_all(b"").unwrap();
        let script = "sleep 100 & echo $!; setsid sleep 100 & echo $!; sleep 0.2; exit 3";
        let job = Run {
            argv: ["sh", "-c", script].map(str::to_string).to_vec(),
            env: std::env::vars().collect(),
            cwd: "/".to_string(),
        };
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut as_file = File::from(std::os::fd::OwnedFd::from(theirs));
        let status = follow(start(&job).unwrap(), &mut as_file).unwrap();
        assert_eq!(status, 3);
        drop(as_file);
        let mut ours = ours;
        let mut said = Vec::new();
        while let Some(frame) = Frame::receive(&mut ours).unwrap() {
            match frame {
                Frame::Out(bytes) => said.extend(bytes),
                other => panic!("{other:?}"),
            }
        }
        let said = String::from_utf8(said).unwrap();
        let pids: Vec<u32> = said.lines().map(|line| line.parse().unwrap()).collect();
        let lives = |pid: u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
            stat.is_ok_and(|stat| !stat.contains(") Z "))
        };
        assert!(!lives(pids[0]), "{said}");
        assert!(lives(pids[1]), "{said}");
        sys::kill(pids[1], libc::SIGKILL).unwrap();
    }
}
