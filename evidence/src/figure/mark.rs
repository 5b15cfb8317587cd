// SPDX-License-Identifier: GPL-2.0-only
//! Marks with whiskers, and the key that says what they mean. Shapes differ beside colours, for
//! print and for the colour-blind.

use anyhow::Result;
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor, ShapeStyle, BLACK, WHITE};

use super::canvas::{drawing, write_beside, Canvas, Point, EDGE};
use super::palette::BAND;
use super::ruler::{line, width, TEXT_PX};

const RADIUS: i32 = 5;
const WHISKER: u32 = 2;
const SAMPLE: i32 = 18;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Circle,
    Square,
    Diamond,
    Up,
    Down,
}

impl Shape {
    /// One after another, shifted by one each time they begin again: colours that look alike on
    /// paper have different shapes.
    pub(super) fn of(series: usize) -> Self {
        let all = [
            Self::Circle,
            Self::Square,
            Self::Diamond,
            Self::Up,
            Self::Down,
        ];
        all[(series + series / all.len()) % all.len()]
    }

    fn corners(self, (x, y): Point) -> Vec<Point> {
        let r = RADIUS;
        let relative: &[Point] = match self {
            Self::Circle => &[],
            Self::Square => &[
                (1 - r, 1 - r),
                (r - 1, 1 - r),
                (r - 1, r - 1),
                (1 - r, r - 1),
            ],
            Self::Diamond => &[(0, -r - 1), (r + 1, 0), (0, r + 1), (-r - 1, 0)],
            Self::Up => &[(0, -r), (r, r - 1), (-r, r - 1)],
            Self::Down => &[(0, r), (r, 1 - r), (-r, 1 - r)],
        };
        relative.iter().map(|(dx, dy)| (x + dx, y + dy)).collect()
    }
}

#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) shape: Shape,
    pub(super) color: RGBColor,
    pub(super) filled: bool,
}

impl Mark {
    pub(super) fn draw(self, area: &Canvas, at: Point) -> Result<()> {
        let fill = if self.filled { self.color } else { WHITE }.filled();
        let outline = ShapeStyle::from(&self.color).stroke_width(WHISKER);
        if self.shape == Shape::Circle {
            area.draw(&Circle::new(at, RADIUS, fill)).map_err(drawing)?;
            return area
                .draw(&Circle::new(at, RADIUS, outline))
                .map_err(drawing);
        }
        let mut corners = self.shape.corners(at);
        area.draw(&Polygon::new(corners.clone(), fill))
            .map_err(drawing)?;
        // Twice around the first corner, so that it is as sharp as the others.
        corners.extend_from_within(..2);
        area.draw(&PathElement::new(corners, outline))
            .map_err(drawing)
    }

    /// A line that ends where the interval does.
    pub(super) fn whisker(self, area: &Canvas, ends: [Point; 2]) -> Result<()> {
        let style = ShapeStyle::from(&self.color).stroke_width(WHISKER);
        area.draw(&PathElement::new(ends.to_vec(), style))
            .map_err(drawing)
    }
}

#[derive(Clone)]
pub(super) struct Entry {
    /// None is the band.
    pub(super) mark: Option<Mark>,
    pub(super) text: String,
}

impl Entry {
    pub(super) fn band(text: &str) -> Self {
        Self {
            mark: None,
            text: text.into(),
        }
    }

    fn width(&self) -> i32 {
        SAMPLE + EDGE / 2 + width(&self.text, TEXT_PX)
    }

    fn draw(&self, area: &Canvas, (x, y): Point) -> Result<()> {
        let middle = (x + SAMPLE / 2, y);
        match self.mark {
            Some(mark) => mark.draw(area, middle)?,
            None => {
                let corners = [(x, y - RADIUS - 1), (x + SAMPLE, y + RADIUS + 1)];
                area.draw(&Rectangle::new(corners, BAND.filled()))
                    .map_err(drawing)?;
            }
        }
        let text = (x + SAMPLE + EDGE / 2, y);
        write_beside(area, &self.text, text, HPos::Left, &BLACK)
    }
}

/// Entries side by side, in as many lines as they need.
pub(super) struct Key {
    entries: Vec<Entry>,
    /// Left edge and line of each.
    places: Vec<(i32, i32)>,
}

impl Key {
    /// The widest entry's.
    pub(super) fn least_width(entries: &[Entry]) -> i32 {
        entries.iter().map(Entry::width).max().unwrap_or(0)
    }

    pub(super) fn new(entries: Vec<Entry>, room: i32) -> Self {
        let (mut x, mut row) = (0, 0);
        let mut places = Vec::new();
        for entry in &entries {
            if x > 0 && x + entry.width() > room {
                (x, row) = (0, row + 1);
            }
            places.push((x, row));
            x += entry.width() + EDGE;
        }
        Self { entries, places }
    }

    pub(super) fn height(&self) -> i32 {
        let rows = self.places.last().map_or(0, |(_, row)| row + 1);
        rows * Self::step()
    }

    pub(super) fn draw(&self, area: &Canvas, (left, top): Point) -> Result<()> {
        for (entry, (x, row)) in self.entries.iter().zip(&self.places) {
            let y = top + row * Self::step() + Self::step() / 2;
            entry.draw(area, (left + x, y))?;
        }
        Ok(())
    }

    fn step() -> i32 {
        line(TEXT_PX) + 2
    }
}
