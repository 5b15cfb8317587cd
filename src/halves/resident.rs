// SPDX-License-Identifier: GPL-2.0-only
//! Keeps what the process uses in memory: whom everybody waits for must not
//! wait for a disk, behind those who wait for him.

use nix::libc;
use nix::sys::mman::{mlockall, munlockall, MlockAllFlags};

/// The whole process, until it is dropped. Each page from when it is first
/// used: what is merely mapped costs nothing.
pub(super) struct Resident;

impl Resident {
    /// Where it is not allowed the half works all the same, but for a swapping
    /// machine.
    pub(super) fn new(whose: &str) -> Self {
        let on_fault = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
        let all = MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault;
        if let Err(errno) = mlockall(all) {
            log::warn!("the user-space half of {whose} may be swapped out: mlockall: {errno}");
        }
        Self
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        // It fails only where the kernel has no such thing.
        let _ = munlockall();
    }
}
