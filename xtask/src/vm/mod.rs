// SPDX-License-Identifier: GPL-2.0-only
//! Boots a kernel in QEMU, runs one command in it as root and brings back its
//! output, byte for byte, and its exit status.

mod accel;
mod folders;
mod host;
mod initrd;
mod qemu;
mod share;
mod streams;
mod vclock;

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use anyhow::Context;
use anyhow::Result;
use labkit::clock::Clock;

pub use self::accel::usable as usable_accel;
pub use self::accel::Accel;
pub use self::streams::Failure;

use crate::command::quote;
use crate::kernel::Kernel;
use crate::paths;

/// Longest wait for the guest's first sign of life, emulated and on a busy
/// machine; an undisturbed boot takes 10 s.
const BOOT_LIMIT: Duration = Duration::from_secs(180);

/// The machine to boot.
pub struct Vm {
    /// The kernel.
    pub kernel: Kernel,
    /// Virtual CPUs.
    pub cpus: u32,
    /// Into how many sockets they are divided, each with a last-level cache.
    pub sockets: u32,
    /// Memory, as QEMU writes it: `4G`.
    pub memory: String,
    /// What makes its time pass. On a virtual clock the guest lives in memory and sees nothing of
    /// this machine.
    pub clock: Clock,
    /// Longest run of the command.
    pub timeout: Duration,
    /// Where the kernel's console is kept; default: thrown away.
    pub console: Option<PathBuf>,
}

/// A folder of this machine, and where the guest has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Here.
    pub here: PathBuf,
    /// In the guest.
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
    /// The command and its arguments.
    pub argv: Vec<OsString>,
    /// Environment beside what every job gets.
    pub env: BTreeMap<String, OsString>,
    /// On a virtual clock: further files the command needs. What `argv` and
    /// `env` name is found without this.
    pub files: Vec<PathBuf>,
    /// On a virtual clock: whole folders, with the libraries of what is in them.
    pub folders: Vec<Folder>,
    /// Keep a copy of standard output.
    pub keep_output: bool,
    /// Do not print standard output.
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

/// How a job ended.
pub struct Done {
    /// Exit status of the command.
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
        "lab: kernel {}, accel: {accel}, {}, {} CPUs in {} socket(s)",
        vm.kernel.release,
        vm.clock.describe(),
        vm.cpus,
        vm.sockets
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
    let mut shares = Vec::new();
    if !vm.clock.is_virtual() {
        let out = paths::lab_dir("out")?;
        shares.push(share::start(&host, "root", Path::new("/"), false)?);
        shares.push(share::start(&host, "out", &out, true)?);
    }
    let initrd = dir.join("initrd");
    fs::write(&initrd, initrd::build(vm, job, dir)?)
        .with_context(|| format!("cannot write {}", initrd.display()))?;

    let console = match &vm.console {
        Some(path) => env::current_dir()?.join(path),
        None => dir.join("console"),
    };
    let parts = qemu::Parts {
        vm,
        accel,
        dir,
        initrd: &initrd,
        console: &console,
        shares: &shares,
        end: &end,
    };
    let mut child = host.spawn(&mut qemu::command(&parts)?)?;
    streams
        .follow(&mut child, Instant::now() + boot_limit, vm.timeout)
        .map_err(|failure| failure.with_console(&console, dir))
}

/// The shell script that the guest runs.
fn script(vm: &Vm, job: &Job, accel: Accel) -> Result<String> {
    let mut path = env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/lab");
    let mut text = String::new();
    let mut export = |name: &str, value: &OsStr| {
        text.push_str(&format!("export {name}={}\n", quote(value)));
    };
    export("PATH", &path);
    export("HOME", OsStr::new("/run/home"));
    export("TMPDIR", OsStr::new("/run/tmp"));
    export("LAB_OUT", OsStr::new("/run/out"));
    export("LAB_ACCEL", OsStr::new(&accel.to_string()));
    export("LAB_CLOCK", OsStr::new(&vm.clock.to_string()));
    export("PYTHONDONTWRITEBYTECODE", OsStr::new("1"));
    for (name, value) in &job.env {
        export(name, value);
    }
    let here = env::current_dir().context("no current directory")?;
    let words: Vec<String> = job.argv.iter().map(|word| quote(word)).collect();
    text.push_str(&format!("cd {}\n", quote(here.as_os_str())));
    text.push_str(&format!("exec {}\n", words.join(" ")));
    Ok(text)
}
