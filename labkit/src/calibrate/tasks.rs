// SPDX-License-Identifier: GPL-2.0-only
//! Processes that begin and end: fork, exec of a tiny program, exit, and the wait for it.

use std::ffi::CString;
use std::time::Instant;

use anyhow::{Context, Result};

use super::{calls, per, Group, Load};

/// The word that makes the program of these loads end at once: it is the tiny program.
pub const DO_NOTHING: &str = "do-nothing";

const TIMES: u64 = 40;

pub fn loads() -> Vec<Load> {
    vec![
        Load::new(Group::Sched, "fork and exec", "ns a process", || {
            let own = std::env::current_exe().context("cannot find this program")?;
            let own = CString::new(own.into_os_string().into_encoded_bytes())?;
            let word = CString::new(DO_NOTHING)?;
            processes(|| calls::exec(&own, [&own, &word]))
        }),
        Load::new(Group::Micro, "fork and exit", "ns a process", || {
            processes(|| 0)
        }),
    ]
}

/// `child` only calls what may be called between fork and exec.
fn processes(child: impl Fn() -> i32) -> Result<f64> {
    let started = Instant::now();
    for _ in 0..TIMES {
        // SAFETY: both kinds of child call exec or nothing, and end.
        let child = unsafe { calls::fork(&child) }.context("cannot fork")?;
        child.wait().context("a child of the load failed")?;
    }
    Ok(per(started.elapsed(), TIMES))
}
