// SPDX-License-Identifier: GPL-2.0-only
//! The values of `include/abi.h` and their bytes, as maps and ring buffers hold them.

use std::{mem, ptr, slice};

use anyhow::{ensure, Result};

use crate::bpf::abi;
use crate::policy::{stat_rows, Fold};
use crate::Error;

mod sealed {
    /// Made of integers alone, without padding: any bytes are one, and all of its bytes are known.
    pub trait Plain: Copy {}
}

use self::sealed::Plain;

impl Plain for abi::meta_stats {}
impl Plain for abi::meta_status {}
impl Plain for abi::meta_turn {}
impl Plain for abi::meta_auto {}
impl Plain for abi::meta_signals {}
impl Plain for abi::meta_rusty_tune {}
impl Plain for abi::meta_rusty_task {}
impl Plain for abi::meta_rustland_task {}
impl Plain for abi::meta_rustland_answer {}

/// A map value of zeroes.
pub fn zeroed<T: Plain>() -> T {
    // SAFETY: a Plain value is made of integers alone.
    unsafe { mem::zeroed() }
}

/// A map value from its bytes; per-CPU values may carry padding behind.
///
/// Fails with [`Error::OtherVersion`] if they are too few.
pub fn from_bytes<T: Plain>(bytes: &[u8]) -> Result<T> {
    let (found, expected) = (bytes.len(), size_of::<T>());
    ensure!(found >= expected, Error::OtherVersion { found, expected });
    // SAFETY: long enough, unaligned reads are allowed, T is made of integers.
    Ok(unsafe { ptr::read_unaligned(bytes.as_ptr().cast()) })
}

/// The bytes of a map value.
pub(crate) fn as_bytes<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: a Plain value has no padding, so all of its bytes are initialized.
    unsafe { slice::from_raw_parts(ptr::from_ref(value).cast(), size_of::<T>()) }
}

/// Joins the CPUs' values of the map "stats" as `include/stats.h` says.
///
/// Fails with [`Error::OtherVersion`] if one is too short.
pub fn fold(per_cpu: &[Vec<u8>]) -> Result<abi::meta_stats> {
    let mut total: abi::meta_stats = zeroed();
    for bytes in per_cpu {
        let one: abi::meta_stats = from_bytes(bytes)?;
        for row in stat_rows() {
            let (sum, value) = ((row.get_mut)(&mut total), (row.get)(&one));
            *sum = match row.fold {
                Fold::Sum => sum.wrapping_add(value),
                Fold::Max => (*sum).max(value),
            };
        }
        for (sum, value) in total.flip_hist.iter_mut().zip(one.flip_hist) {
            *sum = sum.wrapping_add(value);
        }
    }
    Ok(total)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Counters of which some are not 0.
    pub(crate) fn stats(change: impl Fn(&mut abi::meta_stats)) -> abi::meta_stats {
        let mut stats = zeroed();
        change(&mut stats);
        stats
    }

    #[test]
    fn cpus_are_joined_as_the_table_says() {
        let one = stats(|s| {
            (s.ran, s.flip_max_ns, s.flip_hist[3]) = (2, 9, 1);
        });
        let two = stats(|s| {
            (s.ran, s.flip_max_ns, s.flip_hist[3]) = (3, 5, 4);
        });
        let total = fold(&[as_bytes(&one).to_vec(), as_bytes(&two).to_vec()]).unwrap();
        assert_eq!(
            (total.ran, total.flip_max_ns, total.flip_hist[3]),
            (5, 9, 5)
        );
    }

    #[test]
    fn values_of_another_layout_are_refused() {
        let error = fold(&[vec![0; 8]]).unwrap_err();
        let expected = size_of::<abi::meta_stats>();
        let other = Error::OtherVersion { found: 8, expected };
        assert_eq!(error.downcast_ref(), Some(&other));
    }

    #[test]
    fn an_answer_lies_in_its_bytes_as_the_header_has_it() {
        let answer = abi::meta_rustland_answer {
            asking: 1,
            deadline_ns: 2,
            pid: 3,
            slice_us: 4,
            cpu: 5,
            unused: 0,
        };
        let long = [1u64, 2].map(u64::to_ne_bytes).concat();
        let short = [3u32, 4, 5, 0].map(u32::to_ne_bytes).concat();
        assert_eq!(as_bytes(&answer), [long, short].concat());
    }
}
