// SPDX-License-Identifier: GPL-2.0-only
//! Which base slices are tried. The paper's range is 100 to 3600 ms; below it is what only a
//! switch within the kernel can afford.

use std::time::Duration;

use super::paper;
use crate::trial::window::ROTATIONS;

/// Milliseconds.
const REAL: [u64; 8] = [1, 5, 20, 100, 450, 900, 1800, 3600];
/// Each second of an emulated machine takes several.
const EMULATED: [u64; 3] = [5, 20, 100];

/// Base slices that are tried, and those that are not.
pub(crate) struct Slices {
    /// For what the profile prefers.
    pub(crate) usual: Vec<Duration>,
    /// For the paper's pair: its own base slice, or the nearest to it.
    pub(crate) paper: Vec<Duration>,
    /// Of each that was left out: why.
    pub(crate) notes: Vec<String>,
}

impl Slices {
    /// `given` by a person, or the default; rotations of `n` base slices.
    pub(crate) fn new(
        given: &[Duration],
        longest: Option<Duration>,
        n: usize,
        emulated: bool,
    ) -> Self {
        let longest = longest.unwrap_or(match emulated {
            true => Duration::from_secs(5),
            false => Duration::from_secs(120),
        });
        let default: &[u64] = if emulated { &EMULATED } else { &REAL };
        let wanted: Vec<Duration> = match given {
            [] => default.iter().copied().map(Duration::from_millis).collect(),
            given => given.to_vec(),
        };
        let rotations = ROTATIONS.saturating_mul(n as u32);
        let fits = |slice: &Duration| slice.saturating_mul(rotations) <= longest;
        let (usual, left_out): (Vec<_>, Vec<_>) = wanted.into_iter().partition(fits);
        let mut notes: Vec<String> = left_out
            .iter()
            .map(|slice| too_long(*slice, rotations, longest))
            .collect();
        let paper = match fits(&paper::BASE_SLICE) {
            true => vec![paper::BASE_SLICE],
            false => {
                notes.push(format!(
                    "the paper's pair is measured at the longest base slice there is: {}",
                    too_long(paper::BASE_SLICE, rotations, longest)
                ));
                usual.iter().max().copied().into_iter().collect()
            }
        };
        Self {
            usual,
            paper,
            notes,
        }
    }
}

fn too_long(slice: Duration, rotations: u32, longest: Duration) -> String {
    let block = humantime::format_duration(slice.saturating_mul(rotations));
    let (slice, longest) = (
        humantime::format_duration(slice),
        humantime::format_duration(longest),
    );
    format!(
        "base slice {slice} left out: {ROTATIONS} rotations take {block}, a block at most {longest}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(slices: &[Duration]) -> Vec<u128> {
        slices.iter().map(Duration::as_millis).collect()
    }

    #[test]
    fn a_real_machine_takes_the_papers_range_and_what_lies_below() {
        let slices = Slices::new(&[], None, 2, false);
        assert_eq!(ms(&slices.usual), [1, 5, 20, 100, 450, 900, 1800, 3600]);
        assert_eq!(ms(&slices.paper), [1800]);
        assert!(slices.notes.is_empty());
    }

    #[test]
    fn what_takes_too_long_is_left_out_by_name() {
        let slices = Slices::new(&[], None, 2, true);
        assert_eq!(ms(&slices.usual), [5, 20, 100]);
        assert_eq!(ms(&slices.paper), [100]);
        assert!(slices.notes[0].contains("base slice 1s 800ms left out: 5 rotations take 18s"));
        let given = [10, 400].map(Duration::from_millis);
        let slices = Slices::new(&given, Some(Duration::from_secs(3)), 2, false);
        assert_eq!(ms(&slices.usual), [10]);
        assert_eq!(slices.notes.len(), 2);
    }
}
