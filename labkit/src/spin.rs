// SPDX-License-Identifier: GPL-2.0-only
//! Work that does nothing but take time.
//!
//! A guest on a virtual clock passes time by instructions, and its emulator pays for jumps: a tight
//! loop costs several times what the same time of straight code does. With calibrated costs a nop
//! takes a tenth of a nanosecond and a load fence 20, while to the emulator they are the same: the
//! fences make a second of work there 15 times as cheap.

use std::time::Duration;

use super::sys;

/// Of a round's instructions these are load fences, 320 ns with calibrated costs …
#[cfg(target_arch = "x86_64")]
const FENCES: usize = 16;

/// … and these are not. A round is 512 ns on the parallel clock with flat costs.
#[cfg(target_arch = "x86_64")]
const WORDS: usize = 254 - FENCES;

/// Executes so many rounds of about 256 instructions.
#[inline(never)]
pub fn rounds(count: u32) {
    for _ in 0..count {
        round();
    }
}

/// Works until CLOCK_MONOTONIC shows `end`, or a round of work longer.
pub fn until(end: Duration) {
    while sys::monotonic() < end {
        rounds(1);
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn round() {
    // SAFETY: nothing is read, written or jumped to.
    unsafe {
        std::arch::asm!(
            ".rept {fences}",
            "lfence",
            ".endr",
            ".rept {words}",
            "nop",
            ".endr",
            fences = const FENCES,
            words = const WORDS,
            options(nomem, nostack, preserves_flags)
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn round() {
    for turn in 0..128 {
        std::hint::black_box(turn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_in_time() {
        let end = sys::monotonic() + Duration::from_millis(5);
        until(end);
        assert!(sys::monotonic() >= end);
    }

    #[test]
    fn more_rounds_take_longer() {
        let took = |count| {
            let used = || sys::cpu_time_of(sys::thread_id()).unwrap();
            let begin = used();
            rounds(count);
            used() - begin
        };
        assert!(took(1_000_000) > took(1000));
    }
}
