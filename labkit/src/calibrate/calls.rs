// SPDX-License-Identifier: GPL-2.0-only
//! The system calls of these loads, each behind a function: fork, exec, a pipe, and the CPU to run on.

use std::ffi::CStr;
use std::{io, mem, ptr};

use anyhow::{ensure, Context, Result};

/// A child that has not been waited for.
pub struct Child(libc::pid_t);

/// Runs `body` in a child, whose exit status is what it returns.
///
/// # Safety
///
/// Of this process's threads only the caller is in the child: `body` may make system calls, and may
/// take no lock that another thread could hold.
pub unsafe fn fork(body: impl FnOnce() -> i32) -> io::Result<Child> {
    // SAFETY: the caller vouches for what the child does; it never returns from here.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let status = body();
            // SAFETY: ends the child without running what the parent registered.
            unsafe { libc::_exit(status) }
        }
        pid => Ok(Child(pid)),
    }
}

impl Child {
    /// Waits for its end; a status that is not 0 is an error.
    pub fn wait(self) -> Result<()> {
        let mut status = 0;
        // SAFETY: `status` is valid for writing.
        if unsafe { libc::waitpid(self.0, &mut status, 0) } == -1 {
            return Err(io::Error::last_os_error()).context("cannot wait for a child");
        }
        ensure!(status == 0, "wait status {status:#x}");
        Ok(())
    }
}

/// Becomes the program; what it returns is a failure.
pub fn exec(program: &CStr, words: [&CStr; 2]) -> i32 {
    let words = [words[0].as_ptr(), words[1].as_ptr(), ptr::null()];
    // SAFETY: NUL-terminated strings, and a list of them that ends with a null pointer.
    unsafe { libc::execv(program.as_ptr(), words.as_ptr()) };
    1
}

/// A pipe. Threads and forked children share it, so it takes `&self`.
pub struct Pipe {
    read: libc::c_int,
    write: libc::c_int,
}

impl Pipe {
    pub fn new() -> io::Result<Self> {
        let mut ends = [0; 2];
        // SAFETY: room for the two descriptors.
        check(
            unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } as isize,
            0,
        )?;
        let [read, write] = ends;
        Ok(Self { read, write })
    }

    pub fn read_byte(&self) -> io::Result<()> {
        let mut byte = 0u8;
        // SAFETY: room for one byte.
        check(
            unsafe { libc::read(self.read, ptr::from_mut(&mut byte).cast(), 1) },
            1,
        )
    }

    pub fn write_byte(&self) -> io::Result<()> {
        let byte = 1u8;
        // SAFETY: one byte to read from.
        check(
            unsafe { libc::write(self.write, ptr::from_ref(&byte).cast(), 1) },
            1,
        )
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        for end in [self.read, self.write] {
            // SAFETY: descriptors that only this pipe has.
            unsafe { libc::close(end) };
        }
    }
}

/// The calling thread runs on this CPU only.
pub fn pin(cpu: usize) -> io::Result<()> {
    // SAFETY: a zeroed set is the empty one.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: CPU_SET checks the index against the set's size.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: `set` lives across the call; 0 names the calling thread.
    check(
        unsafe { libc::sched_setaffinity(0, mem::size_of_val(&set), &set) } as isize,
        0,
    )
}

/// This process is going to call `barrier`.
pub fn register_barrier() -> io::Result<()> {
    membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
}

/// A memory barrier in every running thread of this process.
pub fn barrier() -> io::Result<()> {
    membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
}

fn membarrier(command: libc::c_int) -> io::Result<()> {
    // SAFETY: membarrier takes integers only.
    let got = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    check(got as isize, 0)
}

fn check(got: isize, wanted: isize) -> io::Result<()> {
    match got {
        -1 => Err(io::Error::last_os_error()),
        got if got == wanted => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
