// SPDX-License-Identifier: GPL-2.0-only
//! Horizontal bars with intervals.

use anyhow::{Context, Result};
use plotters::element::Rectangle;
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, BLACK};

use super::canvas::{
    bounds, drawing, path, widest, write_at, write_below, write_beside, Canvas, Frame, Point,
    CAP_HALF, EDGE, PLOT_WIDTH,
};
use super::palette::{color, GREY, GRID, LIMIT};
use super::ruler::{line, width, Axis, Ruler, TEXT_PX};
use crate::files::File;
use crate::sample::Interval;

const BAR_STEP: i32 = 28;
const BAR_HALF: i32 = 9;

pub struct Bar {
    pub label: String,
    pub value: Interval,
    /// Bars of one group have one colour.
    pub group: usize,
}

pub struct Bars<'a> {
    pub title: &'a str,
    pub axis: Axis<'a>,
    pub bars: Vec<Bar>,
    /// A line across all bars with its name: what they should stay below, or 1.
    pub limit: Option<(f64, &'a str)>,
}

impl Bars<'_> {
    /// The figure as a file, with `footnote` below it.
    pub fn file(&self, name: impl Into<String>, footnote: &str) -> Result<File> {
        let name = name.into();
        let svg = self.svg(footnote);
        let svg = svg.with_context(|| format!("cannot make {name}"))?;
        Ok((name, svg))
    }

    pub fn svg(&self, footnote: &str) -> Result<String> {
        let values: Vec<f64> = self.bars.iter().flat_map(|bar| bounds(bar.value)).collect();
        let ruler = Ruler::new(&self.axis, &values, self.limit, (0, PLOT_WIDTH))
            .with_context(|| format!("figure {:?}", self.title))?;
        let shown: Vec<_> = self
            .bars
            .iter()
            .map(|bar| (self.axis.format)(bar.value.estimate))
            .collect();
        let right = EDGE / 2 + widest(shown.iter().map(|text| &**text)) + EDGE;
        let frame = Frame {
            title: self.title,
            footnote,
            left: EDGE + widest(self.bars.iter().map(|bar| &*bar.label)) + EDGE / 2,
            right,
            above: i32::from(self.limit.is_some()) * line(TEXT_PX),
            below: 2 * line(TEXT_PX),
            size: (PLOT_WIDTH, self.bars.len() as i32 * BAR_STEP),
        };
        frame.draw(|area, (x0, y0)| {
            let bottom = y0 + frame.size.1;
            self.scale(area, &ruler, (x0, y0), bottom)?;
            for (i, (bar, shown)) in (0..).zip(self.bars.iter().zip(&shown)) {
                let y = y0 + i * BAR_STEP + BAR_STEP / 2;
                bar.draw(area, &ruler, (x0, y))?;
                write_beside(area, &bar.label, (x0 - EDGE / 2, y), HPos::Right, &BLACK)?;
                let number = (x0 + PLOT_WIDTH + EDGE / 2, y);
                write_beside(area, shown, number, HPos::Left, &BLACK)?;
            }
            path(area, &[(x0, y0), (x0, bottom)], BLACK)?;
            if let Some((value, name)) = self.limit {
                let x = x0 + ruler.at(value);
                path(area, &[(x, y0), (x, bottom)], LIMIT)?;
                let half = width(name, TEXT_PX) / 2;
                let x = x.clamp(half.min(x), (x0 + PLOT_WIDTH + right - half).max(0));
                let (h, v) = (HPos::Center, VPos::Bottom);
                write_at(area, name, (x, y0 - 2), TEXT_PX, h, v, &LIMIT)?;
            }
            Ok(())
        })
    }

    fn scale(&self, area: &Canvas, ruler: &Ruler, (x0, y0): Point, bottom: i32) -> Result<()> {
        for (at, text) in ruler.ticks(&[]) {
            path(area, &[(x0 + at, y0), (x0 + at, bottom)], GRID)?;
            write_below(area, &text, (x0 + at, bottom + 4), &GREY)?;
        }
        let middle = (x0 + PLOT_WIDTH / 2, bottom + 4 + line(TEXT_PX));
        write_below(area, self.axis.label, middle, &BLACK)
    }
}

impl Bar {
    fn draw(&self, area: &Canvas, ruler: &Ruler, (x0, y): Point) -> Result<()> {
        let end = x0 + ruler.at(self.value.estimate);
        area.draw(&Rectangle::new(
            [(x0, y - BAR_HALF), (end, y + BAR_HALF)],
            color(self.group).mix(0.75).filled(),
        ))
        .map_err(drawing)?;
        let ends = [self.value.low, self.value.high].map(|value| x0 + ruler.at(value));
        path(area, &ends.map(|x| (x, y)), BLACK)?;
        for x in ends {
            path(area, &[(x, y - CAP_HALF), (x, y + CAP_HALF)], BLACK)?;
        }
        Ok(())
    }
}
