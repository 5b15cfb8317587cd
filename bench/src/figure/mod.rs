// SPDX-License-Identifier: GPL-2.0-only
//! Figures as SVG: bars, lines, dots and steps, all with intervals.
//!
//! plotters draws; the layout is ours, because every label must have room: labels get columns of
//! their own, the canvas grows with them, and ticks are thinned until none touch.

mod bars;
mod canvas;
mod columns;
mod dots;
mod lines;
mod mark;
mod palette;
mod steps;
#[cfg(test)]
pub(crate) mod tests;

pub use bars::{Bar, Bars};
pub use dots::{Dot, Dots, Group, Standing};
pub use lines::{Lines, Series};
#[cfg(test)]
pub(crate) use palette::ALL as PALETTE;
pub use steps::{Look, Run, Steps};
