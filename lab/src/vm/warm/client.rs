// SPDX-License-Identifier: GPL-2.0-only
//! Runs commands in a warm guest: brings their files, passes on their output.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io};

use anyhow::{bail, Context, Result};
use labkit::sys;

use super::slim;
use super::state::{identity, Manifest, Place, Up};
use super::wire::{Frame, Put, Run, CHUNK};
use crate::vm;
use crate::vm::{linked, Accel, Done, Failure, Folder, Job};

/// Runs a job in the guest that is up there.
pub fn exec(place: &Place, job: &Job, limit: Duration) -> Result<Done> {
    let (stream, up) = place.connect()?;
    let mut client = Client {
        place,
        stream,
        manifest: place.manifest()?,
    };
    client.bring(job)?;
    client.run(job, &up, limit)
}

struct Client<'a> {
    place: &'a Place,
    stream: UnixStream,
    manifest: Manifest,
}

impl Client<'_> {
    /// Brings what the guest has not or has in another state.
    fn bring(&mut self, job: &Job) -> Result<()> {
        let before = self.manifest.clone();
        let mut files = job.files.clone();
        files.extend(linked::named_files(job));
        for file in files {
            let file = std::path::absolute(file)?;
            self.bring_program(&file, &file)?;
        }
        for folder in &job.folders {
            self.bring_folder(folder)?;
        }
        if before != self.manifest {
            self.place.set_manifest(&self.manifest)?;
        }
        Ok(())
    }

    fn bring_program(&mut self, here: &Path, there: &Path) -> Result<()> {
        let state = identity(here)?;
        if self.manifest.get(there) == Some(&state) {
            return Ok(());
        }
        for library in linked::libraries(here) {
            let state = identity(&library)?;
            if self.manifest.get(&library) != Some(&state) {
                self.put(&library, &library, state)?;
            }
        }
        self.put(here, there, state)
    }

    fn bring_folder(&mut self, folder: &Folder) -> Result<()> {
        let unreadable = || format!("cannot read {}", folder.here.display());
        for entry in fs::read_dir(&folder.here).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let (here, there) = (entry.path(), folder.there.join(entry.file_name()));
            let kind = entry.file_type()?;
            if kind.is_symlink() {
                self.put_link(&here, &there)?;
            } else if kind.is_dir() {
                self.bring_folder(&Folder { here, there })?;
            } else if kind.is_file() {
                self.bring_program(&here, &there)?;
            }
        }
        Ok(())
    }

    fn put_link(&mut self, here: &Path, there: &Path) -> Result<()> {
        let to = fs::read_link(here)?;
        let state = format!("-> {}", to.display());
        if self.manifest.get(there) == Some(&state) {
            return Ok(());
        }
        Frame::Put(Put {
            path: text(there.as_os_str())?,
            mode: 0,
            link: Some(text(to.as_os_str())?),
        })
        .send(&mut self.stream)
        .map_err(|error| self.died(error))?;
        self.placed(there, state)
    }

    fn put(&mut self, here: &Path, there: &Path, state: String) -> Result<()> {
        let source = slim::of(here)?;
        let unreadable = || format!("cannot read {}", here.display());
        let mode = fs::metadata(here).with_context(unreadable)?.permissions();
        let mut file = File::open(&source).with_context(unreadable)?;
        let begin = Put {
            path: text(there.as_os_str())?,
            mode: mode.mode() & 0o7777,
            link: None,
        };
        self.send(&Frame::Put(begin))?;
        loop {
            let mut bytes = vec![0; CHUNK];
            let got = file.read(&mut bytes).with_context(unreadable)?;
            if got == 0 {
                break;
            }
            bytes.truncate(got);
            self.send(&Frame::Data(bytes))?;
        }
        self.send(&Frame::PutEnd)?;
        self.placed(there, state)
    }

    fn send(&mut self, frame: &Frame) -> Result<()> {
        frame
            .send(&mut self.stream)
            .map_err(|error| self.died(error))
    }

    fn placed(&mut self, there: &Path, state: String) -> Result<()> {
        match Frame::receive(&mut self.stream) {
            Ok(Some(Frame::Done)) => {
                self.manifest.insert(there.to_path_buf(), state);
                Ok(())
            }
            Ok(Some(Frame::Failed(why))) => bail!("the guest cannot write {why}"),
            Ok(None) => Err(self.died("it hung up")),
            Ok(other) => bail!("the guest answers a file with {other:?}"),
            Err(error) => Err(self.died(error)),
        }
    }

    fn run(&mut self, job: &Job, up: &Up, limit: Duration) -> Result<Done> {
        let clock = self.place.spec()?.clock;
        let accel = if up.accel == Accel::Kvm.to_string() {
            Accel::Kvm
        } else {
            Accel::Tcg
        };
        let mut run = Run {
            cwd: text(std::env::current_dir()?.as_os_str())?,
            ..Run::default()
        };
        for word in &job.argv {
            run.argv.push(text(word)?);
        }
        for (name, value) in vm::environment(clock, accel, job) {
            run.env.insert(name, text(&value)?);
        }
        self.send(&Frame::Run(run))?;
        let deadline = Instant::now() + limit;
        let mut stdout = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if !sys::poll_readable(&[Some(self.stream.as_fd())], Some(left))?[0] {
                let failure = Failure::TimedOut(limit, String::new());
                return Err(self.failed(failure));
            }
            match Frame::receive(&mut self.stream) {
                Ok(Some(Frame::Out(bytes))) => {
                    if !job.quiet {
                        pass(&mut io::stdout(), &bytes)?;
                    }
                    if job.keep_output {
                        stdout.extend(bytes);
                    }
                }
                Ok(Some(Frame::Err(bytes))) => pass(&mut io::stderr(), &bytes)?,
                Ok(Some(Frame::Exit(status))) => return Ok(Done { status, stdout }),
                Ok(None) => return Err(self.died("it hung up")),
                Ok(other) => bail!("the guest answers a command with {other:?}"),
                Err(error) => return Err(self.died(error)),
            }
        }
    }

    fn died(&self, why: impl std::fmt::Display) -> anyhow::Error {
        // What held it writes its last words meanwhile.
        std::thread::sleep(vm::streams::LAST_WORDS);
        let why = format!("the guest {}: {why}", self.place.name);
        self.failed(Failure::Died(String::new())).context(why)
    }

    fn failed(&self, failure: Failure) -> anyhow::Error {
        failure.with_console(&self.place.console(), self.place.dir())
    }
}

fn pass(to: &mut impl Write, bytes: &[u8]) -> Result<()> {
    to.write_all(bytes)
        .and_then(|()| to.flush())
        .map_err(|_| Failure::NoReader.into())
}

fn text(word: &OsStr) -> Result<String> {
    let text = word.to_str().map(str::to_string);
    text.with_context(|| format!("{} is not text", PathBuf::from(word).display()))
}
