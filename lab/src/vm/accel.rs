// SPDX-License-Identifier: GPL-2.0-only
//! KVM, but only where a guest really boots under it: /dev/kvm may be there
//! and still run nothing. Tried once; the answer is kept for this host kernel.

use std::time::Duration;
use std::{fmt, fs};

use anyhow::Result;
use labkit::clock::Clock;

use super::hardware::Memory;
use super::{Hardware, Job, Vm};
use crate::kernel::Kernel;
use crate::paths;

const PROBE_LIMIT: Duration = Duration::from_secs(20);

/// How guest code is executed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Accel {
    Kvm,
    /// By emulation, a host thread for each virtual CPU.
    Tcg,
}

impl fmt::Display for Accel {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        })
    }
}

/// The fastest way that works here.
pub fn usable(kernel: &Kernel) -> Result<Accel> {
    let device = fs::File::options().read(true).write(true).open("/dev/kvm");
    if device.is_err() {
        return Ok(Accel::Tcg);
    }
    let host = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cache = paths::lab_dir(".")?.join("accel");
    let cached = fs::read_to_string(&cache).unwrap_or_default();
    if let Some(answer) = cached.strip_prefix(&host) {
        return Ok(if answer == "kvm" {
            Accel::Kvm
        } else {
            Accel::Tcg
        });
    }
    eprintln!("lab: trying KVM (at most {} s)", PROBE_LIMIT.as_secs());
    let accel = if boots(kernel) {
        Accel::Kvm
    } else {
        Accel::Tcg
    };
    fs::write(cache, format!("{host}{accel}"))?;
    Ok(accel)
}

fn boots(kernel: &Kernel) -> bool {
    let vm = Vm {
        kernel: kernel.clone(),
        hardware: Hardware {
            memory: Memory::mib(512),
            ..Hardware::default()
        },
        clock: Clock::Host,
        timeout: PROBE_LIMIT,
        console: None,
    };
    let done = super::boot(&vm, &Job::new(["true"]), Accel::Kvm, PROBE_LIMIT);
    done.is_ok_and(|done| done.status == 0)
}
