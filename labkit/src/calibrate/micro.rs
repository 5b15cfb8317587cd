// SPDX-License-Identifier: GPL-2.0-only
//! Loops over one kind of instruction or one event of the kernel, on one CPU.

use std::arch::asm;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{ptr, thread};

use anyhow::{ensure, Result};

use super::{each_ns, Group, Load};

const STEPS: u64 = 200_000;
const CALLS: u64 = 5_000;
const PAGES: usize = 512;
const PAGE: usize = 4096;

/// A CPU that slept so long has left its fast state.
const COLD_AFTER: Duration = Duration::from_millis(5);
/// Short against the time in which a CPU gets fast again.
const COLD_STEPS: u64 = 2_000;
const COLD_TIMES: u64 = 10;

pub fn loads() -> Vec<Load> {
    let micro =
        |name: &str, unit, run: fn() -> Result<f64>| Load::new(Group::Micro, name, unit, run);
    vec![
        micro("mixed arithmetic", "ns an iteration of 16", || {
            Ok(arithmetic(STEPS))
        }),
        micro("branches", "ns an iteration of 16", || Ok(branches())),
        micro("loads and stores", "ns an iteration of 16", || {
            Ok(loads_and_stores())
        }),
        micro("multiplication", "ns an iteration of 4", || {
            Ok(multiplication())
        }),
        micro("division", "ns an iteration of 4", || Ok(division())),
        micro("floating point", "ns an iteration of 4", || {
            Ok(floating_point())
        }),
        micro("locked add", "ns", || Ok(locked_add())),
        micro("system call", "ns", || Ok(system_call())),
        micro("page fault", "ns", page_fault),
        micro("arithmetic after idling", "ns an iteration of 16", || {
            Ok(after_idling())
        }),
    ]
}

/// As compiled code has it: chains that depend on each other, some of them side by side.
fn arithmetic(steps: u64) -> f64 {
    each_ns(steps, || {
        let (mut a, mut b, mut c, mut d) = (1u64, 2u64, 3u64, 4u64);
        for _ in 0..steps {
            // SAFETY: works on the four registers named, and nothing else.
            unsafe {
                asm!(
                    "add {a}, {b}", "xor {c}, {d}", "lea {b}, [{b} + 3]", "shl {d}, 1",
                    "add {a}, {c}", "sub {b}, {d}", "or {c}, 5", "mov {d}, {a}",
                    "add {a}, {b}", "xor {c}, {d}", "lea {b}, [{b} + 3]", "shr {d}, 1",
                    "add {a}, {c}", "sub {b}, {d}",
                    a = inout(reg) a, b = inout(reg) b, c = inout(reg) c, d = inout(reg) d,
                    options(nomem, nostack),
                );
            }
        }
        black_box((a, b, c, d));
    })
}

fn branches() -> f64 {
    each_ns(STEPS, || {
        for step in 0..STEPS {
            // SAFETY: compares and jumps forward; changes flags only.
            unsafe {
                asm!(
                    "test {s}, 1", "jz 2f", "2:", "test {s}, 2", "jz 3f", "3:",
                    "test {s}, 4", "jz 4f", "4:", "test {s}, 8", "jz 5f", "5:",
                    "test {s}, 3", "jz 6f", "6:", "test {s}, 6", "jz 7f", "7:",
                    "test {s}, 12", "jz 8f", "8:",
                    s = in(reg) step,
                    options(nomem, nostack),
                );
            }
        }
    })
}

fn loads_and_stores() -> f64 {
    let mut words = [1u64; 64];
    each_ns(STEPS, || {
        for _ in 0..STEPS {
            // SAFETY: reads and writes the first 14 words of an array of 64.
            unsafe {
                asm!(
                    "mov {t}, [{p}]", "mov [{p} + 8], {t}", "mov {u}, [{p} + 16]",
                    "mov [{p} + 24], {u}", "mov {t}, [{p} + 32]", "mov [{p} + 40], {t}",
                    "mov {u}, [{p} + 48]", "mov [{p} + 56], {u}", "mov {t}, [{p} + 64]",
                    "mov [{p} + 72], {t}", "mov {u}, [{p} + 80]", "mov [{p} + 88], {u}",
                    "mov {t}, [{p} + 96]", "mov [{p} + 104], {t}",
                    p = in(reg) words.as_mut_ptr(), t = out(reg) _, u = out(reg) _,
                    options(nostack),
                );
            }
        }
    })
}

fn multiplication() -> f64 {
    each_ns(STEPS, || {
        let mut a = 3u64;
        for _ in 0..STEPS {
            // SAFETY: works on one register.
            unsafe {
                asm!("imul {a}, {a}", "imul {a}, {a}", "imul {a}, {a}", "imul {a}, {a}",
                    a = inout(reg) a, options(nomem, nostack));
            }
        }
        black_box(a);
    })
}

fn division() -> f64 {
    each_ns(STEPS, || {
        for step in 0..STEPS {
            // SAFETY: 64-bit divisions by 7 of numbers that fit, in the registers named.
            unsafe {
                asm!("xor edx, edx", "div {d}", "xor edx, edx", "div {d}",
                    "xor edx, edx", "div {d}", "xor edx, edx", "div {d}",
                    d = in(reg) 7u64, inout("rax") u64::MAX - step => _, out("rdx") _,
                    options(nomem, nostack));
            }
        }
    })
}

fn floating_point() -> f64 {
    each_ns(STEPS, || {
        let (mut a, b) = (1.0f64, 1.000_001f64);
        for _ in 0..STEPS {
            // SAFETY: works on two vector registers.
            unsafe {
                asm!("mulsd {a}, {b}", "addsd {a}, {b}", "mulsd {a}, {b}", "subsd {a}, {b}",
                    a = inout(xmm_reg) a, b = in(xmm_reg) b, options(nomem, nostack));
            }
        }
        black_box(a);
    })
}

fn locked_add() -> f64 {
    let word = AtomicU64::new(0);
    each_ns(STEPS, || {
        for _ in 0..STEPS {
            black_box(&word).fetch_add(1, Ordering::SeqCst);
        }
    })
}

fn system_call() -> f64 {
    each_ns(CALLS, || {
        for _ in 0..CALLS {
            // SAFETY: getppid has no arguments and cannot fail.
            unsafe { libc::syscall(libc::SYS_getppid) };
        }
    })
}

/// The first touch of a page: the fault, a page found and cleared.
fn page_fault() -> Result<f64> {
    let bytes = PAGES * PAGE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a fresh anonymous mapping, which overlaps nothing.
    let start = unsafe { libc::mmap(ptr::null_mut(), bytes, access, flags, -1, 0) };
    ensure!(start != libc::MAP_FAILED, "cannot map {bytes} bytes");
    // SAFETY: the mapping made above; pages of 4 KiB are what is counted.
    unsafe { libc::madvise(start, bytes, libc::MADV_NOHUGEPAGE) };
    let ns = each_ns(PAGES as u64, || {
        for page in 0..PAGES {
            // SAFETY: within the mapping made above.
            unsafe { start.cast::<u8>().add(page * PAGE).write_volatile(1) };
        }
    });
    // SAFETY: the mapping made above, which nothing refers to any more.
    unsafe { libc::munmap(start, bytes) };
    Ok(ns)
}

/// The same loop as `arithmetic`, right after the CPU idled.
fn after_idling() -> f64 {
    let mut took = 0.0;
    for _ in 0..COLD_TIMES {
        thread::sleep(COLD_AFTER);
        let started = Instant::now();
        arithmetic(COLD_STEPS);
        took += started.elapsed().as_nanos() as f64;
    }
    took / (COLD_TIMES * COLD_STEPS) as f64
}
