// SPDX-License-Identifier: GPL-2.0-only
//! Boots a kernel in QEMU, runs one command in it as root and brings back its
//! output, byte for byte, and its exit status.

mod accel;
mod cpio;
mod folders;
mod hardware;
mod host;
mod initrd;
mod linked;
pub mod machines;
mod qemu;
mod size;
mod streams;
mod topology;
pub mod vclock;
pub mod warm;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, Result};
use labkit::clock::Clock;

pub use self::accel::{usable as usable_accel, Accel};
pub use self::hardware::{Hardware, Memory};
pub use self::size::Size;
pub use self::streams::Failure;
pub use self::topology::Topology;

use crate::command::quote;
use crate::kernel::Kernel;

/// Longest wait for the guest's first sign of life, emulated and on a busy
/// machine; an undisturbed boot takes 10 s.
const BOOT_LIMIT: Duration = Duration::from_secs(600);

pub struct Vm {
    pub kernel: Kernel,
    pub hardware: Hardware,
    pub clock: Clock,
    /// Longest run of the command.
    pub timeout: Duration,
    /// Where the kernel's console is kept; default: thrown away.
    pub console: Option<PathBuf>,
}

/// A folder of this machine, and where the guest has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    pub here: PathBuf,
    pub there: PathBuf,
}

impl Folder {
    /// One that the guest has where this machine has it.
    pub fn same(path: &Path) -> Result<Self> {
        let here = std::path::absolute(path)?;
        Ok(Self {
            there: here.clone(),
            here,
        })
    }
}

/// What to run in it.
pub struct Job {
    pub argv: Vec<OsString>,
    /// Environment beside what every job gets.
    pub env: BTreeMap<String, OsString>,
    /// Further files the command needs. What `argv` and `env` name is found
    /// without this.
    pub files: Vec<PathBuf>,
    /// Whole folders, with the libraries of what is in them.
    pub folders: Vec<Folder>,
    pub keep_output: bool,
    pub quiet: bool,
}

impl Job {
    /// A job that runs `argv` with nothing special.
    pub fn new<S: Into<OsString>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: BTreeMap::new(),
            files: Vec::new(),
            folders: Vec::new(),
            keep_output: false,
            quiet: false,
        }
    }
}

pub struct Done {
    pub status: i32,
    /// Its standard output, if it was to be kept.
    pub stdout: Vec<u8>,
}

/// Boots `vm`, runs `job` in it, streams its output, and ends the VM.
pub fn run(vm: &Vm, job: &Job) -> Result<Done> {
    let accel = if vm.clock.is_virtual() {
        Accel::Tcg
    } else {
        accel::usable(&vm.kernel)?
    };
    eprintln!(
        "lab: kernel {}, accel: {accel}, {}, {}",
        vm.kernel.release,
        vm.clock.describe(),
        vm.hardware.describe()
    );
    boot(vm, job, accel, BOOT_LIMIT)
}

fn boot(vm: &Vm, job: &Job, accel: Accel, boot_limit: Duration) -> Result<Done> {
    let host = host::Host::new()?;
    let dir = host.dir();
    fs::write(dir.join("job.sh"), script(vm, job, accel)?)?;

    let end = if vm.clock.is_virtual() {
        "lab-end".to_string()
    } else {
        format!("lab-end-{}", host.token())
    };
    let streams = streams::Streams::listen(dir, &end, job)?;
    let initrd = dir.join("initrd");
    fs::write(&initrd, initrd::build(job, dir)?)
        .with_context(|| format!("cannot write {}", initrd.display()))?;

    let console = match &vm.console {
        Some(path) => env::current_dir()?.join(path),
        None => dir.join("console"),
    };
    // On a virtual clock output is kept in memory until the end: a device in use would disturb it.
    let output = if vm.clock.is_virtual() {
        "kept"
    } else {
        "live"
    };
    let parts = qemu::Parts {
        vm,
        accel,
        dir,
        initrd: &initrd,
        console: &console,
        guest: &format!("lab_output={output} lab_end={end}"),
        ports: &streams::NAMES,
        control: None,
    };
    let mut child = host.spawn(&mut qemu::command(&parts)?)?;
    streams
        .follow(&mut child, Instant::now() + boot_limit, vm.timeout)
        .map_err(|failure| failure.with_console(&console, dir))
}

/// The shell script that the guest runs.
fn script(vm: &Vm, job: &Job, accel: Accel) -> Result<String> {
    let mut text = String::new();
    for (name, value) in environment(vm.clock, accel, job) {
        text.push_str(&format!("export {name}={}\n", quote(&value)));
    }
    let here = env::current_dir().context("no current directory")?;
    let words: Vec<String> = job.argv.iter().map(|word| quote(word)).collect();
    text.push_str(&format!("cd {}\n", quote(here.as_os_str())));
    text.push_str(&format!("exec {}\n", words.join(" ")));
    Ok(text)
}

/// What every job's environment has, and what this one's has beside it.
fn environment(clock: Clock, accel: Accel, job: &Job) -> BTreeMap<String, OsString> {
    let mut path = env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/lab");
    let fixed = [
        ("PATH", path),
        ("HOME", "/run/home".into()),
        ("TMPDIR", "/run/tmp".into()),
        ("LAB_ACCEL", accel.to_string().into()),
        ("LAB_CLOCK", clock.to_string().into()),
        ("PYTHONDONTWRITEBYTECODE", "1".into()),
    ];
    let own = job
        .env
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()));
    let fixed = fixed.map(|(name, value)| (name.to_string(), value));
    fixed.into_iter().chain(own).collect()
}
