// SPDX-License-Identifier: GPL-2.0-only
//! The machines of each stage: profile, tune, compare, breakdown.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use labkit::clock::Clock;
use labkit::machine;

use super::kit::Kit;
use crate::bench::Programs;
use crate::fleet::Machine;
use crate::kernel::Kernel;
use crate::vm::{Hardware, Job, Vm};

/// Puts the kernel's configuration where libbpf looks for it.
const PROLOGUE: &str = include_str!("../bench/guest.sh");

/// Raw data must not take longer than a person would wait for all of it.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// What all machines of a pipeline have in common.
pub struct Lab<'a> {
    /// The workload.
    pub kit: &'a Kit,
    /// scx_meta and scx_metabench.
    pub programs: &'a Programs,
    /// scx_meta with two rows of one policy.
    pub twins: &'a Path,
    /// The kernel.
    pub kernel: &'a Kernel,
    /// Its configuration, if there is one.
    pub kconfig: Option<&'a Path>,
    /// Virtual CPUs.
    pub cpus: u32,
    /// What makes their time pass.
    pub clock: Clock,
}

impl Lab<'_> {
    /// One machine that runs `scx_metabench STAGE WORKLOAD … --raw -`.
    pub fn machine(&self, stage: &str, label: &str, seed: u64, words: &[OsString]) -> Machine {
        let mut argv: Vec<OsString> = ["sh", "-c", PROLOGUE, "sh"].map(Into::into).into();
        argv.extend([
            self.programs.bench.clone().into(),
            stage.into(),
            self.kit.workload.clone().into(),
            "--raw".into(),
            "-".into(),
            "--seed".into(),
            seed.to_string().into(),
            "--scx-meta".into(),
            self.programs.scx_meta.clone().into(),
        ]);
        for set in &self.kit.set {
            argv.extend(["--set".into(), set.into()]);
        }
        argv.extend_from_slice(words);
        let mut job = Job::new(argv);
        job.files.clone_from(&self.kit.files);
        job.folders.clone_from(&self.kit.folders);
        job.keep_output = true;
        job.quiet = true;
        job.env
            .insert("LAB_DATE".to_string(), machine::date().into());
        if let Some(file) = self.kconfig {
            job.env.insert("BENCH_KCONFIG".to_string(), file.into());
        }
        Machine {
            label: label.to_string(),
            vm: self.vm(),
            job,
        }
    }

    fn vm(&self) -> Vm {
        Vm {
            kernel: self.kernel.clone(),
            hardware: Hardware {
                memory: self.kit.memory,
                ..Hardware::of_cpus(self.cpus)
            },
            clock: self.clock,
            timeout: LIMIT,
            console: None,
        }
    }
}

/// `--name value` pairs.
pub fn words<const N: usize>(options: [(&str, String); N]) -> Vec<OsString> {
    let pair = |(name, value): (&str, String)| [name.into(), value.into()];
    options.into_iter().flat_map(pair).collect()
}

/// A file as an option's value.
pub fn file(path: &Path) -> String {
    path.display().to_string()
}

/// Where a stage's figures are.
pub fn outcome(dir: &Path, stage: &str) -> PathBuf {
    dir.join(format!("{stage}.json"))
}
