// SPDX-License-Identifier: GPL-2.0-only
//! Memory of growing size: copied from front to back, and read in an order that no prefetcher
//! guesses, each address from the load before.

use std::cell::OnceCell;
use std::hint::black_box;
use std::time::Duration;
use std::{ptr, thread};

use anyhow::{ensure, Result};

use super::{each_ns, Group, Load};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const LINE: usize = 64;

const COPIES: [usize; 4] = [64 * KIB, MIB, 8 * MIB, 64 * MIB];
const CHASES: [usize; 5] = [64 * KIB, 256 * KIB, MIB, 8 * MIB, 64 * MIB];

/// Copied in all for one sample, in pieces of the size under test.
const COPIED: usize = 16 * MIB;
/// Loads of one sample of a chase.
const HOPS: u64 = 200_000;
/// A walk after a sleep, as in `micro`.
const COLD_HOPS: u64 = 1024;
const COLD_TIMES: u64 = 10;
const COLD_AFTER: Duration = Duration::from_millis(5);

pub fn loads() -> Vec<Load> {
    let copies = COPIES.into_iter().map(|bytes| {
        let name = format!("memcpy {}", size(bytes));
        let pages = OnceCell::new();
        Load::new(Group::Memory, name, "ns a KiB", move || {
            let made = || Ok([Pages::new(bytes)?, Pages::new(bytes)?]);
            copy(made_once(&pages, made)?)
        })
    });
    let chases = CHASES.into_iter().map(|bytes| {
        let name = format!("pointer chasing {}", size(bytes));
        let pages = OnceCell::new();
        Load::new(Group::Memory, name, "ns a load", move || {
            Ok(chase(made_once(&pages, || linked(bytes))?))
        })
    });
    let cold = Load::new(
        Group::Micro,
        "pointer chasing 64 KiB after idling",
        "ns a load",
        chase_after_idling,
    );
    copies.chain(chases).chain([cold]).collect()
}

fn size(bytes: usize) -> String {
    match bytes / MIB {
        0 => format!("{} KiB", bytes / KIB),
        mib => format!("{mib} MiB"),
    }
}

/// Anonymous memory of small pages, so that natively and in a guest the same pages are used.
struct Pages {
    start: *mut u8,
    bytes: usize,
}

impl Pages {
    fn new(bytes: usize) -> Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh anonymous mapping, which overlaps nothing.
        let start = unsafe { libc::mmap(ptr::null_mut(), bytes, access, flags, -1, 0) };
        ensure!(start != libc::MAP_FAILED, "cannot map {bytes} bytes");
        // SAFETY: the mapping made above.
        unsafe { libc::madvise(start, bytes, libc::MADV_NOHUGEPAGE) };
        let pages = Self {
            start: start.cast(),
            bytes,
        };
        // SAFETY: as many bytes as were mapped; a write gives each page memory of its own.
        unsafe { ptr::write_bytes(pages.start, 1, bytes) };
        Ok(pages)
    }

    /// The first word of a line.
    fn word(&self, line: usize) -> *mut usize {
        debug_assert!(line < self.bytes / LINE);
        // SAFETY: within the mapping, which pages and so words are aligned in.
        unsafe { self.start.add(line * LINE).cast() }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`; no pointer into it outlives us.
        unsafe { libc::munmap(self.start.cast(), self.bytes) };
    }
}

/// Large ones take long to make, in a guest above all: a load keeps its own.
fn made_once<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(made) = cell.get() {
        return Ok(made);
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made))
}

fn copy([from, to]: &[Pages; 2]) -> Result<f64> {
    let times = COPIED.div_ceil(from.bytes);
    // Once for nothing, so that a small piece is where it stays.
    if from.bytes < COPIED {
        copy_once(from, to);
    }
    Ok(each_ns((times * from.bytes / KIB) as u64, || {
        for _ in 0..times {
            copy_once(from, to);
        }
    }))
}

fn copy_once(from: &Pages, to: &Pages) {
    // SAFETY: two mappings of the same size that do not overlap.
    unsafe { libc::memcpy(to.start.cast(), from.start.cast(), black_box(from.bytes)) };
}

fn linked(bytes: usize) -> Result<Pages> {
    let pages = Pages::new(bytes)?;
    link(&pages);
    Ok(pages)
}

fn chase(pages: &Pages) -> f64 {
    let mut at = pages.word(0);
    // Small ones are walked whole first; of large ones the walk itself made what is cached.
    hops(&mut at, HOPS / 4);
    let ns = each_ns(HOPS, || hops(&mut at, HOPS));
    black_box(at);
    ns
}

/// The short walk that follows a sleep: what the CPU lost while it idled.
fn chase_after_idling() -> Result<f64> {
    let pages = linked(CHASES[0])?;
    let mut at = pages.word(0);
    let mut took = 0.0;
    for _ in 0..COLD_TIMES {
        thread::sleep(COLD_AFTER);
        took += each_ns(COLD_HOPS, || hops(&mut at, COLD_HOPS));
    }
    black_box(at);
    Ok(took / COLD_TIMES as f64)
}

fn hops(at: &mut *mut usize, count: u64) {
    for _ in 0..count {
        // SAFETY: `link` left the address of a line of the mapping in each line.
        *at = unsafe { at.read_volatile() } as *mut usize;
    }
}

/// Makes one cycle of all lines, by Sattolo's shuffle.
fn link(pages: &Pages) {
    let lines = pages.bytes / LINE;
    for line in 0..lines {
        // SAFETY: a word of the mapping.
        unsafe { pages.word(line).write(pages.word(line) as usize) };
    }
    let mut random = 0x2545_f491_4f6c_dd1du64;
    for line in (1..lines).rev() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let other = (random % line as u64) as usize;
        // SAFETY: two different lines of the mapping.
        unsafe { ptr::swap(pages.word(line), pages.word(other)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chase_visits_every_line_once() {
        let pages = Pages::new(64 * KIB).unwrap();
        link(&pages);
        let lines = pages.bytes / LINE;
        let mut at = pages.word(0);
        for hop in 1..=lines {
            // SAFETY: `link` left the address of a line in each line.
            at = unsafe { at.read() } as *mut usize;
            assert_eq!(at == pages.word(0), hop == lines, "after {hop} hops");
        }
    }

    #[test]
    fn sizes_are_written_as_people_read_them() {
        assert_eq!(size(64 * KIB), "64 KiB");
        assert_eq!(size(8 * MIB), "8 MiB");
    }
}
