// SPDX-License-Identifier: GPL-2.0-only
//! Lines with intervals over an axis.

use anyhow::{Context, Result};
use plotters::element::Circle;
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor, BLACK};

use super::canvas::{
    bounds, drawing, path, upright, widest, write_below, write_beside, Canvas, Frame, Point,
    CAP_HALF, EDGE, PLOT_WIDTH,
};
use super::palette::{color, GREY, GRID, LIMIT};
use super::ruler::{line, Axis, Ruler, TEXT_PX};
use crate::files::File;
use crate::sample::Interval;

const PLOT_HEIGHT: i32 = 320;

pub struct Series {
    pub name: String,
    pub points: Vec<(f64, Interval)>,
}

pub struct Lines<'a> {
    pub title: &'a str,
    pub x: Axis<'a>,
    pub y: Axis<'a>,
    pub series: Vec<Series>,
    /// A horizontal line with its name: what the others should stay below, or 1.
    pub limit: Option<(f64, &'a str)>,
}

impl Lines<'_> {
    /// The figure as a file, with `footnote` below it.
    pub fn file(&self, name: impl Into<String>, footnote: &str) -> Result<File> {
        let name = name.into();
        let svg = self.svg(footnote);
        let svg = svg.with_context(|| format!("cannot make {name}"))?;
        Ok((name, svg))
    }

    pub fn svg(&self, footnote: &str) -> Result<String> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let xs: Vec<f64> = points().map(|point| point.0).collect();
        let ys: Vec<f64> = points().flat_map(|point| bounds(point.1)).collect();
        let what = || format!("figure {:?}", self.title);
        let across = Ruler::along(&self.x, &xs, (EDGE, PLOT_WIDTH - EDGE)).with_context(what)?;
        let up = Ruler::new(&self.y, &ys, self.limit, (PLOT_HEIGHT, 0)).with_context(what)?;
        let y_ticks = up.ticks_upwards();
        let numbers = widest(y_ticks.iter().map(|(_, text)| &**text));
        let names = self.series.iter().map(|series| &*series.name);
        let names = widest(names.chain(self.limit.map(|(_, name)| name)));
        let frame = Frame {
            title: self.title,
            footnote,
            left: EDGE + line(TEXT_PX) + numbers + EDGE / 2,
            right: EDGE + 2 * EDGE + names + EDGE,
            above: 0,
            below: 2 * line(TEXT_PX),
            size: (PLOT_WIDTH, PLOT_HEIGHT),
        };
        frame.draw(|area, (x0, y0)| {
            self.axes(area, (&across, &xs), &y_ticks, (x0, y0))?;
            let mut entries: Vec<(&str, RGBColor)> = Vec::new();
            if let Some((value, name)) = self.limit {
                let y = y0 + up.at(value);
                path(area, &[(x0, y), (x0 + PLOT_WIDTH, y)], LIMIT)?;
                entries.push((name, LIMIT));
            }
            for (i, series) in self.series.iter().enumerate() {
                entries.push((&series.name, color(i)));
                let at = |x: f64, y: f64| (x0 + across.at(x), y0 + up.at(y));
                series.draw(area, at, color(i))?;
            }
            legend(area, &entries, (x0 + PLOT_WIDTH + EDGE, y0))
        })
    }

    fn axes(
        &self,
        area: &Canvas,
        (across, xs): (&Ruler, &[f64]),
        y_ticks: &[(i32, String)],
        (x0, y0): Point,
    ) -> Result<()> {
        let bottom = y0 + PLOT_HEIGHT;
        for (at, text) in y_ticks {
            path(area, &[(x0, y0 + at), (x0 + PLOT_WIDTH, y0 + at)], GRID)?;
            write_beside(area, text, (x0 - EDGE / 2, y0 + at), HPos::Right, &GREY)?;
        }
        for (at, text) in across.ticks(xs) {
            path(area, &[(x0 + at, bottom), (x0 + at, bottom + 4)], BLACK)?;
            write_below(area, &text, (x0 + at, bottom + 6), &GREY)?;
        }
        let middle = (x0 + PLOT_WIDTH / 2, bottom + 4 + line(TEXT_PX));
        write_below(area, self.x.label, middle, &BLACK)?;
        upright(area, self.y.label, (EDGE, y0 + PLOT_HEIGHT / 2))?;
        let corner = [(x0, y0), (x0, bottom), (x0 + PLOT_WIDTH, bottom)];
        path(area, &corner, BLACK)
    }
}

impl Series {
    fn draw(&self, area: &Canvas, at: impl Fn(f64, f64) -> Point, color: RGBColor) -> Result<()> {
        let mut points: Vec<_> = self.points.iter().collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let line: Vec<_> = points.iter().map(|(x, y)| at(*x, y.estimate)).collect();
        path(area, &line, color)?;
        for (x, y) in points {
            let ends = [at(*x, y.low), at(*x, y.high)];
            path(area, &ends, color)?;
            for (x, y) in ends {
                path(area, &[(x - CAP_HALF, y), (x + CAP_HALF, y)], color)?;
            }
            area.draw(&Circle::new(at(*x, y.estimate), 3, color.filled()))
                .map_err(drawing)?;
        }
        Ok(())
    }
}

fn legend(area: &Canvas, entries: &[(&str, RGBColor)], (left, top): Point) -> Result<()> {
    for (i, (name, color)) in (0..).zip(entries) {
        let y = top + TEXT_PX / 2 + i * line(TEXT_PX);
        path(area, &[(left, y), (left + EDGE, y)], *color)?;
        let at = (left + EDGE + EDGE / 2, y);
        write_beside(area, name, at, HPos::Left, &BLACK)?;
    }
    Ok(())
}
