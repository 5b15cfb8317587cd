// SPDX-License-Identifier: GPL-2.0-only
//! CPU lists of sysfs: which ids exist, which are online, which run without a
//! tick.

use std::time::Duration;

use anyhow::{anyhow, ensure, Result};

use crate::bpf::abi;

/// Words of a bitmap over all CPU ids the program can hold.
pub(crate) const BITMAP_WORDS: usize = abi::meta_limits_META_MAX_CPUS as usize / 64;

/// Parses a list such as `0-3,8`. An empty list, and the `(null)` that an
/// unset nohz_full prints, is no CPU.
pub(crate) fn parse_list(text: &str) -> Result<Vec<u32>> {
    let text = text.trim();
    if text.is_empty() || text == "(null)" {
        return Ok(Vec::new());
    }
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let bad = || anyhow!("`{part}` in the CPU list `{text}`");
        let first: u32 = first.trim().parse().map_err(|_| bad())?;
        let last: u32 = last.trim().parse().map_err(|_| bad())?;
        ensure!(first <= last && last < 1 << 16, bad());
        cpus.extend(first..=last);
    }
    Ok(cpus)
}

/// One more than the highest possible CPU id; refused when the program's
/// tables are too small for it.
pub(crate) fn nr_cpu_ids(possible: &[u32]) -> Result<u32> {
    let max = abi::meta_limits_META_MAX_CPUS;
    let ids = possible.iter().max().map_or(1, |last| last + 1);
    ensure!(
        ids <= max,
        "this machine has {ids} CPU ids; scx_meta is built for at most {max} (META_MAX_CPUS)"
    );
    Ok(ids)
}

/// The kernel's `base_slice_ns` with so many CPUs: 0.7 ms, and as much again whenever they double, up
/// to 8 CPUs.
pub(crate) fn base_slice(online: usize) -> Duration {
    const ONE_CPU: Duration = Duration::from_micros(700);
    const COUNTED: usize = 8;
    ONE_CPU * (1 + online.clamp(1, COUNTED).ilog2())
}

/// The rodata variable `nohz_full`.
pub(crate) fn bitmap(cpus: &[u32]) -> [u64; BITMAP_WORDS] {
    let mut words = [0; BITMAP_WORDS];
    for cpu in cpus {
        if let Some(word) = words.get_mut(*cpu as usize / 64) {
            *word |= 1 << (cpu % 64);
        }
    }
    words
}

/// The rodata variable `pair_partner`: by CPU, the one it is paired with, or
/// itself. The two threads of a core; of the CPUs that have no such sibling
/// online, the first half with the second. Of an odd number the last has none.
pub(crate) fn partners(
    online: &[u32],
    siblings: impl Fn(u32) -> Result<Vec<u32>>,
) -> Result<[i32; abi::meta_limits_META_MAX_CPUS as usize]> {
    let mut partners = std::array::from_fn(|cpu| cpu as i32);
    let mut pair = |cpu: u32, partner: u32| {
        if let Some(slot) = partners.get_mut(cpu as usize) {
            *slot = partner as i32;
        }
    };
    let mut alone = Vec::new();
    for cpu in online {
        let core = siblings(*cpu)?;
        match core[..] {
            [a, b] if online.contains(&a) && online.contains(&b) => {
                pair(a, b);
                pair(b, a);
            }
            _ => alone.push(*cpu),
        }
    }
    let stride = alone.len() / 2;
    for (first, second) in alone.iter().zip(&alone[stride..]).take(stride) {
        pair(*first, *second);
        pair(*second, *first);
    }
    Ok(partners)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_slice_grows_with_the_cpus_as_the_kernels_does() {
        let us = |online| base_slice(online).as_micros();
        assert_eq!(
            [0, 1, 2, 3, 4, 7, 8, 1024].map(us),
            [700, 700, 1400, 1400, 2100, 2100, 2800, 2800]
        );
    }

    #[test]
    fn lists_are_numbers_and_ranges() {
        assert_eq!(parse_list("0-3,8\n").unwrap(), [0, 1, 2, 3, 8]);
        assert_eq!(parse_list("5").unwrap(), [5]);
        for none in ["", "\n", "(null)\n", " (null)"] {
            assert!(parse_list(none).unwrap().is_empty(), "{none:?}");
        }
        for bad in ["a", "1-", "3-1", "0-99999999", ",", "-1"] {
            assert!(parse_list(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn too_many_cpu_ids_are_refused() {
        assert_eq!(nr_cpu_ids(&[0, 1, 2]).unwrap(), 3);
        assert_eq!(nr_cpu_ids(&[0, 1023]).unwrap(), 1024);
        let error = nr_cpu_ids(&[0, 1024]).unwrap_err().to_string();
        assert!(error.contains("1025 CPU ids"), "{error}");
    }

    #[test]
    fn partners_are_threads_of_a_core_or_half_the_cpus_away() {
        let paired = |online: &[u32], siblings: fn(u32) -> Vec<u32>| {
            let partners = partners(online, |cpu| Ok(siblings(cpu))).unwrap();
            partners[..6].to_vec()
        };
        assert_eq!(paired(&[0, 1, 2, 3], |cpu| vec![cpu]), [2, 3, 0, 1, 4, 5]);
        assert_eq!(paired(&[0, 2, 3], |cpu| vec![cpu]), [2, 1, 0, 3, 4, 5]);
        assert_eq!(paired(&[0, 1], |_| vec![]), [1, 0, 2, 3, 4, 5]);
        assert_eq!(paired(&[1], |cpu| vec![cpu]), [0, 1, 2, 3, 4, 5]);
        let threads = |cpu: u32| vec![cpu & !1, cpu | 1];
        assert_eq!(paired(&[0, 1, 2, 3], threads), [1, 0, 3, 2, 4, 5]);
        // A sibling is offline; cores with one thread.
        assert_eq!(paired(&[0, 1, 3, 4], threads), [1, 0, 2, 4, 3, 5]);
        let hybrid = |cpu: u32| {
            if cpu < 2 {
                vec![0, 1]
            } else {
                vec![cpu]
            }
        };
        assert_eq!(paired(&[0, 1, 2, 3, 4], hybrid), [1, 0, 3, 2, 4, 5]);
    }

    #[test]
    fn bitmaps_hold_every_id() {
        let words = bitmap(&[0, 63, 64, 1023, 5000]);
        assert_eq!(words[0], 1 | 1 << 63);
        assert_eq!(words[1], 1);
        assert_eq!(words[BITMAP_WORDS - 1], 1 << 63);
    }
}
