// SPDX-License-Identifier: GPL-2.0-only
//! Values with intervals over a few steps (base slices, numbers of applications), side by side in
//! each step so that no interval hides another; levels to compare with run across all steps.

use anyhow::{Context, Result};
use plotters::element::{PathElement, Rectangle};
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, ShapeStyle, BLACK};

use super::canvas::{
    bounds, drawing, path, upright, widest, wrap, write_below, write_beside, Canvas, Frame, Point,
    EDGE,
};
use super::columns::{apart, Columns};
use super::mark::{Entry, Key, Mark, Shape};
use super::palette::{color, BAND, GREY, GRID};
use super::ruler::{line, Axis, Ruler, TEXT_PX};
use crate::sample::Interval;

const HEIGHT: i32 = 330;
/// From the plot to the name of a level.
const LEADER: i32 = 14;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A colour and shape of its own, joined by a line.
    Own(usize),
    /// As the other of this number, but hollow: the same by other means.
    Hollow(usize),
    /// Grey, and a line across all steps, named at its end.
    Level,
    /// Grey and filled: what is compared with, against itself.
    Floor,
}

pub struct Run {
    pub name: String,
    pub look: Look,
    pub points: Vec<(usize, Interval)>,
}

pub struct Steps<'a> {
    pub title: &'a str,
    pub x: &'a str,
    pub steps: Vec<String>,
    pub y: Axis<'a>,
    pub one: &'a str,
    pub band: Option<(Interval, &'a str)>,
    /// Side by side in each step, in this order.
    pub runs: Vec<Run>,
}

impl Steps<'_> {
    pub fn svg(&self, footnote: &str) -> Result<String> {
        let columns = Columns::new(self);
        let up = self
            .ruler()
            .with_context(|| format!("figure {:?}", self.title))?;
        let y_ticks = up.ticks_upwards();
        let levels = self.levels(&up);
        let names = widest(levels.iter().map(|level| &*level.name));
        let y_label = wrap(self.y.label, HEIGHT + EDGE, TEXT_PX);
        let beside = EDGE + y_label.len() as i32 * line(TEXT_PX);
        let left = beside + widest(y_ticks.iter().map(|(_, text)| &**text)) + EDGE;
        let key = self.entries();
        let least = Key::least_width(&key) + 2 * EDGE;
        let right = (LEADER + names + EDGE).max(least - left - columns.width);
        let key = Key::new(key, left + columns.width + right - 2 * EDGE);
        let label = wrap(self.x, columns.width + right.min(left) - EDGE, TEXT_PX);
        let numbers = 6 + line(TEXT_PX);
        let axis = numbers + label.len() as i32 * line(TEXT_PX) + EDGE / 2;
        let frame = Frame {
            title: self.title,
            footnote,
            left,
            right,
            above: 0,
            below: axis + key.height(),
            size: (columns.width, HEIGHT),
        };
        frame.draw(|area, (x0, y0)| {
            let bottom = y0 + HEIGHT;
            self.ground(area, &columns, &up, (x0, y0))?;
            for (text, i) in y_label.iter().zip(0..) {
                let x = EDGE + line(TEXT_PX) / 2 + i * line(TEXT_PX);
                upright(area, text, (x, y0 + HEIGHT / 2))?;
            }
            for level in &levels {
                level.draw(area, columns.width, (x0, y0))?;
            }
            for (number, run) in self.runs.iter().enumerate() {
                let at = |step, value| (x0 + columns.at(step, number), y0 + up.at(value));
                run.draw(area, at)?;
            }
            for (text, i) in label.iter().zip(0..) {
                let middle = (x0 + columns.width / 2, bottom + numbers + i * line(TEXT_PX));
                write_below(area, text, middle, &BLACK)?;
            }
            key.draw(area, (EDGE, bottom + axis))
        })
    }

    fn ruler(&self) -> Result<Ruler> {
        let points = self.runs.iter().flat_map(|run| &run.points);
        let values = points.map(|point| point.1);
        let values = values.chain(self.band.map(|(band, _)| band));
        let values: Vec<f64> = values.flat_map(bounds).collect();
        Ruler::around(&self.y, &values, 1.0, (HEIGHT, 0))
    }

    /// Band, grid, the line at 1, names of the steps.
    fn ground(&self, area: &Canvas, columns: &Columns, up: &Ruler, (x0, y0): Point) -> Result<()> {
        let (right, bottom) = (x0 + columns.width, y0 + HEIGHT);
        if let Some((band, _)) = self.band {
            let [low, high] = [band.low, band.high].map(|value| y0 + up.at(value));
            let corners = [(x0, high.min(low - 2)), (right, low)];
            area.draw(&Rectangle::new(corners, BAND.filled()))
                .map_err(drawing)?;
        }
        for (at, text) in up.ticks_upwards() {
            path(area, &[(x0, y0 + at), (right, y0 + at)], GRID)?;
            write_beside(area, &text, (x0 - EDGE / 2, y0 + at), HPos::Right, &GREY)?;
        }
        for (step, name) in self.steps.iter().enumerate() {
            let (from, to) = columns.edges(step);
            if step > 0 {
                path(area, &[(x0 + from, y0), (x0 + from, bottom)], GRID)?;
            }
            write_below(area, name, (x0 + (from + to) / 2, bottom + 6), &GREY)?;
        }
        path(area, &[(x0, y0), (x0, bottom), (right, bottom)], BLACK)
    }

    /// EEVDF's level and those of the runs that are levels.
    fn levels(&self, up: &Ruler) -> Vec<Level> {
        let runs = self.runs.iter().filter(|run| run.look == Look::Level);
        let own = runs.flat_map(|run| {
            let values = run.points.iter().map(|point| point.1.estimate);
            values.map(|value| (value, &*run.name, false))
        });
        let mut levels: Vec<_> = own.chain([(1.0, self.one, true)]).collect();
        levels.sort_by(|a, b| b.0.total_cmp(&a.0));
        let wanted: Vec<_> = levels.iter().map(|level| up.at(level.0)).collect();
        let levels = levels
            .into_iter()
            .zip(apart(&wanted, line(TEXT_PX), HEIGHT));
        levels
            .map(|((value, name, is_one), name_y)| Level {
                name: name.to_owned(),
                y: up.at(value),
                name_y,
                is_one,
            })
            .collect()
    }

    fn entries(&self) -> Vec<Entry> {
        let named = self.runs.iter().filter(|run| run.look != Look::Level);
        let marks = named.map(|run| Entry {
            mark: Some(run.look.mark()),
            text: run.name.clone(),
        });
        let band = self.band.map(|(_, text)| Entry::band(text));
        marks.chain(band).collect()
    }
}

impl Look {
    fn mark(self) -> Mark {
        let (shape, color, filled) = match self {
            Self::Own(number) => (Shape::of(number), color(number), true),
            Self::Hollow(number) => (Shape::of(number), color(number), false),
            Self::Level => (Shape::Circle, GREY, false),
            Self::Floor => (Shape::Diamond, GREY, true),
        };
        Mark {
            shape,
            color,
            filled,
        }
    }
}

impl Run {
    fn draw(&self, area: &Canvas, at: impl Fn(usize, f64) -> Point) -> Result<()> {
        let mark = self.look.mark();
        let mut points: Vec<_> = self.points.iter().collect();
        points.sort_by_key(|point| point.0);
        if let Look::Own(_) = self.look {
            let line = points.iter().map(|(step, value)| at(*step, value.estimate));
            // Faint: it leads the eye, and claims nothing about what lies between.
            let style = ShapeStyle::from(&mark.color.mix(0.35)).stroke_width(1);
            area.draw(&PathElement::new(line.collect::<Vec<_>>(), style))
                .map_err(drawing)?;
        }
        for (step, value) in points {
            mark.whisker(area, [at(*step, value.low), at(*step, value.high)])?;
            mark.draw(area, at(*step, value.estimate))?;
        }
        Ok(())
    }
}

/// A line across all steps. Its name stands at its end, or beside it where others are too near.
struct Level {
    name: String,
    y: i32,
    name_y: i32,
    is_one: bool,
}

impl Level {
    fn draw(&self, area: &Canvas, width: i32, (x0, y0): Point) -> Result<()> {
        let color = if self.is_one { BLACK } else { GREY };
        let opacity = if self.is_one { 1.0 } else { 0.45 };
        let style = ShapeStyle::from(&color.mix(opacity)).stroke_width(1);
        let (end, y, name_y) = (x0 + width, y0 + self.y, y0 + self.name_y);
        let points = vec![(x0, y), (end, y), (end + LEADER - 4, name_y)];
        area.draw(&PathElement::new(points, style))
            .map_err(drawing)?;
        write_beside(area, &self.name, (end + LEADER, name_y), HPos::Left, &color)
    }
}
