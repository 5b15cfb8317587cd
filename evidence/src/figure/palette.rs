// SPDX-License-Identifier: GPL-2.0-only
//! The colours of all figures. The report's page gives each a second one for dark screens.

use plotters::style::{RGBColor, BLACK, WHITE};

/// Okabe and Ito's colours, which the colour-blind can tell apart; without the yellow, which
/// white swallows.
const COLORS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];
pub(super) const GRID: RGBColor = RGBColor(225, 225, 225);
pub(super) const GREY: RGBColor = RGBColor(90, 90, 90);
pub(super) const LIMIT: RGBColor = RGBColor(170, 0, 0);
/// Behind what is as near to 1 as EEVDF is to itself.
pub(super) const BAND: RGBColor = RGBColor(222, 228, 238);

pub(super) const BETTER: RGBColor = COLORS[0];
pub(super) const WORSE: RGBColor = COLORS[1];

pub const ALL: [RGBColor; 12] = [
    COLORS[0], COLORS[1], COLORS[2], COLORS[3], COLORS[4], COLORS[5], GRID, GREY, LIMIT, BAND,
    BLACK, WHITE,
];

/// One after another; more series than colours begin again.
pub(super) fn color(series: usize) -> RGBColor {
    COLORS[series % COLORS.len()]
}
