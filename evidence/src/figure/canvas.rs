// SPDX-License-Identifier: GPL-2.0-only
//! The means to draw any figure: a frame of title, plot and footnote, and text that has room.

use anyhow::Result;
use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{PathElement, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    FontStyle, FontTransform, IntoFont, RGBColor, ShapeStyle, TextStyle, BLACK, WHITE,
};

use super::palette::GREY;
use super::ruler::{line, width, TEXT_PX};
use crate::sample::Interval;

pub(super) const EDGE: i32 = 20;
pub(super) const PLOT_WIDTH: i32 = 520;
pub(super) const CAP_HALF: i32 = 4;
const TITLE_PX: i32 = 17;
const NOTE_PX: i32 = 11;

pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Point = (i32, i32);

pub(super) struct Frame<'a> {
    pub(super) title: &'a str,
    pub(super) footnote: &'a str,
    pub(super) left: i32,
    pub(super) right: i32,
    /// Between title and plot.
    pub(super) above: i32,
    /// Between plot and footnote.
    pub(super) below: i32,
    pub(super) size: (i32, i32),
}

impl Frame<'_> {
    /// Lays out title, plot and footnote from top to bottom, and lets `plot` draw; it gets the
    /// plot's upper left corner.
    pub(super) fn draw(&self, plot: impl FnOnce(&Canvas, Point) -> Result<()>) -> Result<String> {
        let canvas_width = self.left + self.size.0 + self.right;
        let title = wrap(self.title, canvas_width - 2 * EDGE, TITLE_PX);
        let footnote = wrap(self.footnote, canvas_width - 2 * EDGE, NOTE_PX);
        let top = EDGE + title.len() as i32 * line(TITLE_PX) + EDGE / 2 + self.above;
        let note_top = top + self.size.1 + self.below + EDGE;
        let canvas_height = match footnote.len() as i32 {
            0 => note_top,
            lines => note_top + lines * line(NOTE_PX) + EDGE,
        };

        let mut svg = String::new();
        {
            let size = (canvas_width as u32, canvas_height as u32);
            let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            area.fill(&WHITE).map_err(drawing)?;
            paragraph(&area, &title, EDGE, TITLE_PX, &BLACK)?;
            plot(&area, (self.left, top))?;
            paragraph(&area, &footnote, note_top, NOTE_PX, &GREY)?;
            area.present().map_err(drawing)?;
        }
        Ok(svg)
    }
}

fn paragraph(area: &Canvas, lines: &[String], top: i32, px: i32, color: &RGBColor) -> Result<()> {
    for (text, i) in lines.iter().zip(0..) {
        let at = (EDGE, top + i * line(px));
        write_at(area, text, at, px, HPos::Left, VPos::Top, color)?;
    }
    Ok(())
}

pub(super) fn bounds(interval: Interval) -> [f64; 3] {
    [interval.low, interval.estimate, interval.high]
}

pub(super) fn widest<'a>(texts: impl IntoIterator<Item = &'a str>) -> i32 {
    let widths = texts.into_iter().map(|text| width(text, TEXT_PX));
    widths.max().unwrap_or(0)
}

/// Lines no wider than `room`, unless a single word is.
pub(super) fn wrap(text: &str, room: i32, px: i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(last) if width(last, px) + width(word, px) + px <= room => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

pub(super) fn path(area: &Canvas, points: &[Point], color: RGBColor) -> Result<()> {
    let style = ShapeStyle::from(&color).stroke_width(1);
    area.draw(&PathElement::new(points.to_vec(), style))
        .map_err(drawing)
}

pub(super) fn write_at(
    area: &Canvas,
    text: &str,
    at: Point,
    px: i32,
    h: HPos,
    v: VPos,
    color: &RGBColor,
) -> Result<()> {
    let style = TextStyle::from(("sans-serif", font_size(px)).into_font())
        .color(color)
        .pos(Pos::new(h, v));
    area.draw(&Text::new(text.to_owned(), at, style))
        .map_err(drawing)
}

/// A tick's or an axis's text, centred below a point.
pub(super) fn write_below(area: &Canvas, text: &str, at: Point, color: &RGBColor) -> Result<()> {
    write_at(area, text, at, TEXT_PX, HPos::Center, VPos::Top, color)
}

pub(super) fn write_beside(
    area: &Canvas,
    text: &str,
    at: Point,
    side: HPos,
    color: &RGBColor,
) -> Result<()> {
    write_at(area, text, at, TEXT_PX, side, VPos::Center, color)
}

pub(super) fn write_bold(area: &Canvas, text: &str, at: Point, color: &RGBColor) -> Result<()> {
    let font = ("sans-serif", font_size(TEXT_PX)).into_font();
    let style = TextStyle::from(font.style(FontStyle::Bold))
        .color(color)
        .pos(Pos::new(HPos::Left, VPos::Center));
    area.draw(&Text::new(text.to_owned(), at, style))
        .map_err(drawing)
}

/// plotters divides sizes by this on their way into the SVG.
const PLOTTERS_EM: f64 = 1.24;

fn font_size(px: i32) -> f64 {
    f64::from(px) * PLOTTERS_EM
}

/// Text that reads from bottom to top, centred on a point.
pub(super) fn upright(area: &Canvas, text: &str, at: Point) -> Result<()> {
    let font = ("sans-serif", font_size(TEXT_PX))
        .into_font()
        .transform(FontTransform::Rotate270);
    let style = TextStyle::from(font)
        .color(&BLACK)
        .pos(Pos::new(HPos::Center, VPos::Center));
    area.draw(&Text::new(text.to_owned(), at, style))
        .map_err(drawing)
}

pub(super) fn drawing(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow::anyhow!("cannot draw: {error}")
}
