// SPDX-License-Identifier: GPL-2.0-only
//! `--metrics-file`: a file that is whole at any moment, and gone when we are.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context, Result};

use super::collector;

const EVERY: Duration = Duration::from_secs(10);

/// Dropping it removes the file.
pub(super) struct TextFile {
    path: PathBuf,
    /// Dropping the sender tells the thread to quit.
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

impl TextFile {
    /// Fails if it cannot be written.
    pub(super) fn start(path: PathBuf) -> Result<Self> {
        write(&path)?;
        let (sender, receiver) = mpsc::channel();
        let name = path.clone();
        let body = move || {
            let mut complained = false;
            while receiver.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                match write(&name) {
                    Ok(()) => complained = false,
                    Err(error) if !complained => {
                        log::warn!("{error:#}");
                        complained = true;
                    }
                    Err(_) => {}
                }
            }
        };
        let thread = thread::Builder::new().name("metrics".into()).spawn(body);
        let thread = thread.context("starting the thread of --metrics-file")?;
        Ok(Self {
            path,
            thread: Some((sender, thread)),
        })
    }
}

impl Drop for TextFile {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.thread.take() {
            drop(sender);
            // A panic has been printed.
            let _ = thread.join();
        }
        // It may have been taken away already.
        let _ = fs::remove_file(&self.path);
    }
}

/// Beside it first, so that nobody reads a half.
fn write(path: &Path) -> Result<()> {
    let name = || format!("--metrics-file {}", path.display());
    let text = collector::prometheus(collector::look()).with_context(name)?;
    let beside = path.with_extension("prom.new");
    fs::write(&beside, text)
        .and_then(|()| fs::rename(&beside, path))
        .with_context(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_there_at_once_and_gone_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scx_meta.prom");
        let file = TextFile::start(path.clone()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\nscx_meta_up 0\n"), "{text}");
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let error = TextFile::start("/no/such/folder/x.prom".into());
        let error = format!("{:#}", error.err().unwrap());
        assert!(
            error.starts_with("--metrics-file /no/such/folder/x.prom: "),
            "{error}"
        );
    }
}
