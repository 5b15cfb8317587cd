// SPDX-License-Identifier: GPL-2.0-only
//! Programs that user space calls: `SEC("syscall")`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use anyhow::{ensure, Context, Result};
use libbpf_rs::libbpf_sys;

/// Calls a program that takes nothing, and returns 0 if all is well. Errors call it `name`.
///
/// libbpf-rs does this for a program that it loaded itself. Here it may be one that was pinned.
pub(crate) fn call(program: BorrowedFd, name: &str) -> Result<()> {
    let mut opts = libbpf_sys::bpf_test_run_opts {
        sz: size_of::<libbpf_sys::bpf_test_run_opts>() as _,
        ..Default::default()
    };
    // SAFETY: the descriptor is open and a zeroed context is a valid one.
    let ret = unsafe { libbpf_sys::bpf_prog_test_run_opts(program.as_raw_fd(), &mut opts) };
    if ret < 0 {
        return Err(io::Error::from_raw_os_error(-ret)).with_context(|| format!("running {name}"));
    }
    let retval = opts.retval as i32;
    ensure!(retval == 0, "{name} returned {retval}");
    Ok(())
}
