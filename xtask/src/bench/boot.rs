// SPDX-License-Identifier: GPL-2.0-only
//! One boot of a bench: which machine, and which words for `scx_microbench
//! measure`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use labkit::clock::Clock;

use crate::fleet::Machine;
use crate::kernel::Kernel;
use crate::vm::{Hardware, Job, Vm};

/// Puts the kernel's configuration where libbpf looks for it, then becomes
/// the measurement.
const PROLOGUE: &str = include_str!("guest.sh");

/// What one machine measures.
pub struct Boot {
    /// Names the raw data.
    pub label: String,
    /// Virtual CPUs.
    pub cpus: u32,
    /// What the measurement needs beside the files that words of `argv` name.
    pub files: Vec<PathBuf>,
    /// Arguments of `scx_microbench measure NAME`.
    pub argv: Vec<OsString>,
    /// Longest it may take.
    pub timeout: Duration,
}

impl Boot {
    /// The machine, and what it runs for `bench`.
    pub fn machine(
        &self,
        bench: &str,
        kernel: &Kernel,
        clock: Clock,
        program: &Path,
        kconfig: Option<&Path>,
    ) -> Machine {
        Machine {
            label: format!("{bench}-{}", self.label),
            vm: Vm {
                kernel: kernel.clone(),
                hardware: Hardware::of_cpus(self.cpus),
                clock,
                timeout: self.timeout,
                console: None,
            },
            job: self.job(bench, program, kconfig),
        }
    }

    /// The measurement; its raw data comes on standard output.
    fn job(&self, bench: &str, program: &Path, kconfig: Option<&Path>) -> Job {
        let mut words: Vec<OsString> = ["sh", "-c", PROLOGUE, "sh"].map(Into::into).into();
        words.extend([program.into(), "measure".into(), bench.into()]);
        words.extend_from_slice(&self.argv);
        let mut job = Job::new(words);
        job.files.clone_from(&self.files);
        job.keep_output = true;
        job.quiet = true;
        if let Some(file) = kconfig {
            job.env.insert("BENCH_KCONFIG".to_string(), file.into());
        }
        job
    }
}
