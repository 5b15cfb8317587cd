// SPDX-License-Identifier: GPL-2.0-only
//! Dots with intervals around a line at 1, in groups, each over the band of its noise floor.

use anyhow::{Context, Result};
use plotters::element::Rectangle;
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, BLACK};

use super::canvas::{
    bounds, drawing, path, widest, wrap, write_at, write_below, write_beside, write_bold, Canvas,
    Frame, Point, EDGE,
};
use super::mark::{Entry, Key, Mark, Shape};
use super::palette::{BAND, BETTER, GREY, GRID, WORSE};
use super::ruler::{line, width, Axis, Ruler, TEXT_PX};
use crate::sample::Interval;

const WIDTH: i32 = 320;
const STEP: i32 = 24;
const HEAD: i32 = 26;
const LABEL_ROOM: i32 = 190;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Better,
    Worse,
    /// Inside the noise.
    Unclear,
    /// The thing it is compared with, against itself.
    Floor,
}

impl Standing {
    /// Losses weigh as much as wins.
    fn mark(self) -> Mark {
        let (shape, color, filled) = match self {
            Self::Better => (Shape::Circle, BETTER, true),
            Self::Worse => (Shape::Square, WORSE, true),
            Self::Unclear => (Shape::Circle, GREY, false),
            Self::Floor => (Shape::Diamond, GREY, true),
        };
        Mark {
            shape,
            color,
            filled,
        }
    }
}

pub struct Dot {
    pub label: String,
    pub value: Interval,
    pub shown: String,
    pub standing: Standing,
}

pub struct Group {
    pub name: String,
    pub band: Option<Interval>,
    pub dots: Vec<Dot>,
}

pub struct Dots<'a> {
    pub title: &'a str,
    pub axis: Axis<'a>,
    pub one: &'a str,
    pub groups: Vec<Group>,
    pub key: Vec<(Standing, &'a str)>,
    pub band: &'a str,
}

/// A dot's place: its label's lines, top and height.
struct Place {
    label: Vec<String>,
    top: i32,
    height: i32,
}

impl Place {
    fn middle(&self) -> i32 {
        self.top + self.height / 2
    }
}

impl Dots<'_> {
    pub fn svg(&self, footnote: &str) -> Result<String> {
        let ruler = self
            .ruler()
            .with_context(|| format!("figure {:?}", self.title))?;
        let (places, height) = self.places();
        let labels = places.iter().flatten().flat_map(|place| &place.label);
        let dots = self.groups.iter().flat_map(|group| &group.dots);
        let heads = self
            .groups
            .iter()
            .map(|group| width(&group.name, TEXT_PX) * 11 / 10);
        let left = EDGE + widest(labels.map(|text| &**text)) + EDGE / 2;
        let numbers = EDGE / 2 + widest(dots.map(|dot| &*dot.shown));
        let right = numbers + EDGE;
        let key = self.entries();
        let least = Key::least_width(&key).max(heads.max().unwrap_or(0)) + 2 * EDGE;
        let right = right.max(least - left - WIDTH);
        let key = Key::new(key, left + WIDTH + right - 2 * EDGE);
        let label = wrap(self.axis.label, WIDTH + 2 * right.min(left) - EDGE, TEXT_PX);
        let label_top = 4 + line(TEXT_PX);
        let axis = label_top + label.len() as i32 * line(TEXT_PX) + EDGE / 2;
        let frame = Frame {
            title: self.title,
            footnote,
            left,
            right,
            above: line(TEXT_PX),
            below: axis + key.height(),
            size: (WIDTH, height),
        };
        frame.draw(|area, (x0, y0)| {
            let bottom = y0 + height;
            self.ground(area, &ruler, &places, (x0, y0))?;
            for (group, places) in self.groups.iter().zip(&places) {
                for (dot, place) in group.dots.iter().zip(places) {
                    dot.draw(area, &ruler, place, (x0, y0))?;
                    let y = y0 + place.middle();
                    let at = (x0 + WIDTH + numbers, y);
                    write_beside(area, &dot.shown, at, HPos::Right, &BLACK)?;
                }
            }
            for (text, i) in label.iter().zip(0..) {
                let middle = (x0 + WIDTH / 2, bottom + label_top + i * line(TEXT_PX));
                write_below(area, text, middle, &BLACK)?;
            }
            key.draw(area, (EDGE, bottom + axis))
        })
    }

    fn ruler(&self) -> Result<Ruler> {
        let dots = self.groups.iter().flat_map(|group| &group.dots);
        let values = dots.map(|dot| dot.value);
        let bands = self.groups.iter().filter_map(|group| group.band);
        let values: Vec<f64> = values.chain(bands).flat_map(bounds).collect();
        Ruler::around(&self.axis, &values, 1.0, (0, WIDTH))
    }

    /// Of each group's dots, and the height of all.
    fn places(&self) -> (Vec<Vec<Place>>, i32) {
        let mut top = 0;
        let mut places = Vec::new();
        for group in &self.groups {
            top += HEAD;
            let mut own = Vec::new();
            for dot in &group.dots {
                let label = wrap(&dot.label, LABEL_ROOM, TEXT_PX);
                let height = STEP.max(label.len() as i32 * line(TEXT_PX) + STEP - line(TEXT_PX));
                own.push(Place { label, top, height });
                top += height;
            }
            places.push(own);
        }
        (places, top)
    }

    /// Bands, the grid over them, the line at 1 and the groups' names.
    fn ground(
        &self,
        area: &Canvas,
        ruler: &Ruler,
        places: &[Vec<Place>],
        (x0, y0): Point,
    ) -> Result<()> {
        let mut bottom = y0;
        for (group, places) in self.groups.iter().zip(places) {
            let top = bottom + HEAD;
            bottom = top + places.iter().map(|place| place.height).sum::<i32>();
            if let Some(band) = group.band {
                let [from, to] = [band.low, band.high].map(|value| x0 + ruler.at(value));
                let corners = [(from, top), (to.max(from + 2), bottom)];
                area.draw(&Rectangle::new(corners, BAND.filled()))
                    .map_err(drawing)?;
            }
            write_bold(area, &group.name, (EDGE, top - HEAD / 2), &BLACK)?;
            for (at, _) in ruler.ticks(&[]) {
                path(area, &[(x0 + at, top), (x0 + at, bottom)], GRID)?;
            }
            let one = x0 + ruler.at(1.0);
            path(area, &[(one, top), (one, bottom)], BLACK)?;
        }
        for (at, text) in ruler.ticks(&[]) {
            write_below(area, &text, (x0 + at, bottom + 4), &GREY)?;
        }
        let half = width(self.one, TEXT_PX) / 2;
        let one = (x0 + ruler.at(1.0)).max(EDGE + half);
        let (h, v) = (HPos::Center, VPos::Bottom);
        write_at(area, self.one, (one, y0 - 2), TEXT_PX, h, v, &BLACK)
    }

    fn entries(&self) -> Vec<Entry> {
        let key = self.key.iter().map(|(standing, text)| Entry {
            mark: Some(standing.mark()),
            text: (*text).to_owned(),
        });
        key.chain([Entry::band(self.band)]).collect()
    }
}

impl Dot {
    fn draw(&self, area: &Canvas, ruler: &Ruler, place: &Place, (x0, y0): Point) -> Result<()> {
        let y = y0 + place.middle();
        let mark = self.standing.mark();
        let ends = [self.value.low, self.value.high].map(|value| (x0 + ruler.at(value), y));
        mark.whisker(area, ends)?;
        mark.draw(area, (x0 + ruler.at(self.value.estimate), y))?;
        let first = y - (place.label.len() as i32 - 1) * line(TEXT_PX) / 2;
        for (text, i) in place.label.iter().zip(0..) {
            let at = (x0 - EDGE / 2, first + i * line(TEXT_PX));
            write_beside(area, text, at, HPos::Right, &BLACK)?;
        }
        Ok(())
    }
}
