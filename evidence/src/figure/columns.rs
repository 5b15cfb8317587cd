// SPDX-License-Identifier: GPL-2.0-only
//! The places of the marks and the names of a figure of steps.

use super::ruler::{width, TEXT_PX};
use super::steps::Steps;

const LEAST_WIDTH: i32 = 280;
/// From mark to mark, and on both sides of a step's marks together.
const PITCH: i32 = 13;
const GAP: i32 = 22;

/// Moves rising places apart until `least` lies between any two: those that are too near each
/// other become a heap around their middle, within `height`.
pub(super) fn apart(wanted: &[i32], least: i32, height: i32) -> Vec<i32> {
    // Each heap: the sum of where its first place would be, and how many it holds.
    let mut heaps: Vec<(i32, i32)> = Vec::new();
    for &place in wanted {
        let mut heap = (place, 1);
        while let Some(&(sum, count)) = heaps.last() {
            if sum / count + count * least <= heap.0 / heap.1 {
                break;
            }
            heaps.pop();
            heap = (sum + heap.0 - heap.1 * count * least, count + heap.1);
        }
        heaps.push(heap);
    }
    let places = heaps.iter().flat_map(|&(sum, count)| {
        let last = height - (count - 1) * least;
        let first = (sum / count).clamp(0.min(last), last.max(0));
        (0..count).map(move |i| first + i * least)
    });
    places.collect()
}

pub(super) struct Columns {
    ends: Vec<i32>,
    /// Numbers of the runs that have a point there, for each step.
    slots: Vec<Vec<usize>>,
    pub(super) width: i32,
}

impl Columns {
    pub(super) fn new(steps: &Steps) -> Self {
        let slots: Vec<Vec<usize>> = (0..steps.steps.len())
            .map(|step| {
                let runs = steps.runs.iter().enumerate();
                let here =
                    runs.filter(|(_, run)| run.points.iter().any(|(place, _)| *place == step));
                here.map(|(number, _)| number).collect()
            })
            .collect();
        let widths = slots.iter().zip(&steps.steps).map(|(slots, name)| {
            let marks = slots.len() as i32 * PITCH + GAP;
            marks.max(width(name, TEXT_PX) + GAP)
        });
        let widths: Vec<i32> = widths.collect();
        let spare = (LEAST_WIDTH - widths.iter().sum::<i32>()).max(0);
        let more = spare / widths.len().max(1) as i32;
        let mut end = 0;
        let ends: Vec<i32> = widths
            .iter()
            .map(|width| {
                end += width + more;
                end
            })
            .collect();
        Self {
            ends,
            slots,
            width: end,
        }
    }

    pub(super) fn edges(&self, step: usize) -> (i32, i32) {
        let from = step.checked_sub(1).map_or(0, |before| self.ends[before]);
        (from, self.ends[step])
    }

    /// The place of a run's mark.
    pub(super) fn at(&self, step: usize, run: usize) -> i32 {
        let (from, to) = self.edges(step);
        let slots = &self.slots[step];
        let place = slots.iter().position(|&number| number == run);
        let offset = 2 * place.unwrap_or_default() as i32 + 1 - slots.len() as i32;
        (from + to + offset * PITCH) / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_becomes_a_heap_around_its_middle() {
        assert_eq!(apart(&[10, 50, 90], 20, 300), [10, 50, 90]);
        assert_eq!(apart(&[100, 100, 100], 20, 300), [80, 100, 120]);
        // The heap of the first two reaches the third.
        assert_eq!(apart(&[100, 101, 115], 20, 300), [85, 105, 125]);
        assert_eq!(apart(&[0, 0], 20, 300), [0, 20]);
        assert_eq!(apart(&[300, 300], 20, 300), [280, 300]);
    }
}
