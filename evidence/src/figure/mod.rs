// SPDX-License-Identifier: GPL-2.0-only
//! Figures as SVG: bars, lines, dots and steps, all with intervals.
//!
//! plotters draws; the layout is ours, because every label must have room: labels get columns of
//! their own, the canvas grows with them, and ticks are thinned until none touch.

mod bars;
mod canvas;
mod columns;
mod dots;
#[cfg(any(test, feature = "layout-checks"))]
pub mod layout;
mod lines;
mod mark;
mod palette;
pub mod ruler;
mod steps;
#[cfg(test)]
mod tests;

pub use bars::{Bar, Bars};
pub use dots::{Dot, Dots, Group, Standing};
pub use lines::{Lines, Series};
pub use palette::ALL as PALETTE;
pub use steps::{Look, Run, Steps};
