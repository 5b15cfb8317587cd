// SPDX-License-Identifier: GPL-2.0-only
//! Figures as SVG: bars with intervals, and lines with intervals.
//!
//! plotters draws; the layout is ours, because every label must have room: labels get columns of
//! their own, the canvas grows with them, and ticks are thinned until none touch.

use std::path::Path;

use anyhow::Context;
use anyhow::Result;
use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::drawing::IntoDrawingArea;
use plotters::element::Circle;
use plotters::element::PathElement;
use plotters::element::Rectangle;
use plotters::element::Text;
use plotters::style::text_anchor::HPos;
use plotters::style::text_anchor::Pos;
use plotters::style::text_anchor::VPos;
use plotters::style::Color;
use plotters::style::FontTransform;
use plotters::style::IntoFont;
use plotters::style::RGBColor;
use plotters::style::ShapeStyle;
use plotters::style::TextStyle;
use plotters::style::BLACK;
use plotters::style::WHITE;

use crate::ruler::line;
use crate::ruler::width;
use crate::ruler::Axis;
use crate::ruler::Ruler;
use crate::ruler::TEXT_PX;
use crate::sample::Interval;

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
const GRID: RGBColor = RGBColor(225, 225, 225);
const GREY: RGBColor = RGBColor(90, 90, 90);
const LIMIT: RGBColor = RGBColor(170, 0, 0);

/// Pixels.
const EDGE: i32 = 20;
const PLOT_WIDTH: i32 = 520;
const PLOT_HEIGHT: i32 = 320;
const BAR_STEP: i32 = 28;
const BAR_HALF: i32 = 9;
const CAP_HALF: i32 = 4;
const TITLE_PX: i32 = 17;
const NOTE_PX: i32 = 11;

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Point = (i32, i32);

/// One bar.
pub struct Bar {
    /// Its name.
    pub label: String,
    /// Its length, and how sure that is.
    pub value: Interval,
    /// Bars of one group have one colour.
    pub group: usize,
}

/// Horizontal bars.
pub struct Bars<'a> {
    /// What is compared.
    pub title: &'a str,
    /// The values' axis.
    pub axis: Axis<'a>,
    /// From top to bottom.
    pub bars: Vec<Bar>,
    /// A line across all bars with its name: what they should stay below, or 1.
    pub limit: Option<(f64, &'a str)>,
}

/// One line.
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Where, and how sure that is.
    pub points: Vec<(f64, Interval)>,
}

/// Lines over an axis.
pub struct Lines<'a> {
    /// What is shown.
    pub title: &'a str,
    /// From left to right.
    pub x: Axis<'a>,
    /// Upwards.
    pub y: Axis<'a>,
    /// The lines.
    pub series: Vec<Series>,
    /// A horizontal line with its name: what the others should stay below, or 1.
    pub limit: Option<(f64, &'a str)>,
}

impl Bars<'_> {
    /// Writes the figure, with `footnote` below it.
    pub fn save(&self, path: &Path, footnote: &str) -> Result<()> {
        let svg = self.svg(footnote);
        write(path, svg)
    }

    /// The figure as text.
    pub fn svg(&self, footnote: &str) -> Result<String> {
        let values: Vec<f64> = self.bars.iter().flat_map(|bar| bounds(bar.value)).collect();
        let ruler = Ruler::new(&self.axis, &values, self.limit, (0, PLOT_WIDTH))
            .with_context(|| format!("figure {:?}", self.title))?;
        let shown: Vec<_> = self
            .bars
            .iter()
            .map(|bar| (self.axis.format)(bar.value.estimate))
            .collect();
        let widest = |texts: &mut dyn Iterator<Item = &str>| {
            texts.map(|text| width(text, TEXT_PX)).max().unwrap_or(0)
        };
        let labels = widest(&mut self.bars.iter().map(|bar| &*bar.label));
        let numbers = widest(&mut shown.iter().map(|text| &**text));

        let left = EDGE + labels + EDGE / 2;
        let right = EDGE / 2 + numbers + EDGE;
        let height = self.bars.len() as i32 * BAR_STEP;
        let named_limit = i32::from(self.limit.is_some()) * line(TEXT_PX);
        draw(
            self.title,
            footnote,
            (left, right),
            named_limit,
            height,
            2 * line(TEXT_PX),
            |area, (x0, y0)| {
                let bottom = y0 + height;
                for (at, text) in ruler.ticks(&[]) {
                    path(area, &[(x0 + at, y0), (x0 + at, bottom)], GRID)?;
                    write_below(area, &text, (x0 + at, bottom + 4), &GREY)?;
                }
                write_below(
                    area,
                    self.axis.label,
                    (x0 + PLOT_WIDTH / 2, bottom + 4 + line(TEXT_PX)),
                    &BLACK,
                )?;
                for (i, (bar, shown)) in self.bars.iter().zip(&shown).enumerate() {
                    let y = y0 + i as i32 * BAR_STEP + BAR_STEP / 2;
                    let end = x0 + ruler.at(bar.value.estimate);
                    area.draw(&Rectangle::new(
                        [(x0, y - BAR_HALF), (end, y + BAR_HALF)],
                        color(bar.group).mix(0.75).filled(),
                    ))
                    .map_err(drawing)?;
                    let (low, high) = (x0 + ruler.at(bar.value.low), x0 + ruler.at(bar.value.high));
                    path(area, &[(low, y), (high, y)], BLACK)?;
                    for x in [low, high] {
                        path(area, &[(x, y - CAP_HALF), (x, y + CAP_HALF)], BLACK)?;
                    }
                    write_at(
                        area,
                        &bar.label,
                        (x0 - EDGE / 2, y),
                        TEXT_PX,
                        HPos::Right,
                        VPos::Center,
                        &BLACK,
                    )?;
                    write_at(
                        area,
                        shown,
                        (x0 + PLOT_WIDTH + EDGE / 2, y),
                        TEXT_PX,
                        HPos::Left,
                        VPos::Center,
                        &BLACK,
                    )?;
                }
                path(area, &[(x0, y0), (x0, bottom)], BLACK)?;
                if let Some((value, name)) = self.limit {
                    let x = x0 + ruler.at(value);
                    path(area, &[(x, y0), (x, bottom)], LIMIT)?;
                    let half = width(name, TEXT_PX) / 2;
                    let x = x.clamp(half.min(x), (x0 + PLOT_WIDTH + right - half).max(0));
                    write_at(
                        area,
                        name,
                        (x, y0 - 2),
                        TEXT_PX,
                        HPos::Center,
                        VPos::Bottom,
                        &LIMIT,
                    )?;
                }
                Ok(())
            },
        )
    }
}

impl Lines<'_> {
    /// Writes the figure, with `footnote` below it.
    pub fn save(&self, path: &Path, footnote: &str) -> Result<()> {
        let svg = self.svg(footnote);
        write(path, svg)
    }

    /// The figure as text.
    pub fn svg(&self, footnote: &str) -> Result<String> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let xs: Vec<f64> = points().map(|point| point.0).collect();
        let ys: Vec<f64> = points().flat_map(|point| bounds(point.1)).collect();
        let what = || format!("figure {:?}", self.title);
        let across = Ruler::along(&self.x, &xs, (EDGE, PLOT_WIDTH - EDGE)).with_context(what)?;
        let up = Ruler::new(&self.y, &ys, self.limit, (PLOT_HEIGHT, 0)).with_context(what)?;
        let y_ticks = up.ticks_upwards();
        let numbers = y_ticks.iter().map(|(_, text)| width(text, TEXT_PX)).max();
        let names = self.series.iter().map(|series| &*series.name);
        let names = names.chain(self.limit.map(|(_, name)| name));
        let names = names.map(|name| width(name, TEXT_PX)).max();

        let left = EDGE + line(TEXT_PX) + numbers.unwrap_or(0) + EDGE / 2;
        let right = EDGE + 2 * EDGE + names.unwrap_or(0) + EDGE;
        draw(
            self.title,
            footnote,
            (left, right),
            0,
            PLOT_HEIGHT,
            2 * line(TEXT_PX),
            |area, (x0, y0)| {
                let bottom = y0 + PLOT_HEIGHT;
                for (at, text) in &y_ticks {
                    path(area, &[(x0, y0 + at), (x0 + PLOT_WIDTH, y0 + at)], GRID)?;
                    write_at(
                        area,
                        text,
                        (x0 - EDGE / 2, y0 + at),
                        TEXT_PX,
                        HPos::Right,
                        VPos::Center,
                        &GREY,
                    )?;
                }
                for (at, text) in across.ticks(&xs) {
                    path(area, &[(x0 + at, bottom), (x0 + at, bottom + 4)], BLACK)?;
                    write_below(area, &text, (x0 + at, bottom + 6), &GREY)?;
                }
                write_below(
                    area,
                    self.x.label,
                    (x0 + PLOT_WIDTH / 2, bottom + 4 + line(TEXT_PX)),
                    &BLACK,
                )?;
                upright(area, self.y.label, (EDGE, y0 + PLOT_HEIGHT / 2))?;
                path(
                    area,
                    &[(x0, y0), (x0, bottom), (x0 + PLOT_WIDTH, bottom)],
                    BLACK,
                )?;

                let legend = x0 + PLOT_WIDTH + EDGE;
                let mut entries = Vec::new();
                if let Some((value, name)) = self.limit {
                    let y = y0 + up.at(value);
                    path(area, &[(x0, y), (x0 + PLOT_WIDTH, y)], LIMIT)?;
                    entries.push((name, LIMIT));
                }
                for (i, series) in self.series.iter().enumerate() {
                    let color = color(i);
                    entries.push((&series.name, color));
                    let at = |x: f64, y: f64| (x0 + across.at(x), y0 + up.at(y));
                    let mut points: Vec<_> = series.points.iter().collect();
                    points.sort_by(|a, b| a.0.total_cmp(&b.0));
                    let line: Vec<_> = points.iter().map(|(x, y)| at(*x, y.estimate)).collect();
                    path(area, &line, color)?;
                    for (x, y) in points {
                        let (low, high) = (at(*x, y.low), at(*x, y.high));
                        path(area, &[low, high], color)?;
                        for (x, y) in [low, high] {
                            path(area, &[(x - CAP_HALF, y), (x + CAP_HALF, y)], color)?;
                        }
                        area.draw(&Circle::new(at(*x, y.estimate), 3, color.filled()))
                            .map_err(drawing)?;
                    }
                }
                for (i, (name, color)) in entries.iter().enumerate() {
                    let y = y0 + TEXT_PX / 2 + i as i32 * line(TEXT_PX);
                    path(area, &[(legend, y), (legend + EDGE, y)], *color)?;
                    write_at(
                        area,
                        name,
                        (legend + EDGE + EDGE / 2, y),
                        TEXT_PX,
                        HPos::Left,
                        VPos::Center,
                        &BLACK,
                    )?;
                }
                Ok(())
            },
        )
    }
}

/// Lays out title, plot and footnote from top to bottom, and lets `plot` draw below `above`
/// pixels of free space; it gets the plot's upper left corner.
fn draw(
    title: &str,
    footnote: &str,
    (left, right): (i32, i32),
    above: i32,
    height: i32,
    below: i32,
    plot: impl FnOnce(&Canvas, Point) -> Result<()>,
) -> Result<String> {
    let canvas_width = left + PLOT_WIDTH + right;
    let title = wrap(title, canvas_width - 2 * EDGE, TITLE_PX);
    let footnote = wrap(footnote, canvas_width - 2 * EDGE, NOTE_PX);
    let top = EDGE + title.len() as i32 * line(TITLE_PX) + EDGE / 2 + above;
    let note_top = top + height + below + EDGE;
    let canvas_height = note_top + footnote.len() as i32 * line(NOTE_PX) + EDGE;

    let mut svg = String::new();
    {
        let size = (canvas_width as u32, canvas_height as u32);
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE).map_err(drawing)?;
        for (i, text) in title.iter().enumerate() {
            let y = EDGE + i as i32 * line(TITLE_PX);
            write_at(
                &area,
                text,
                (EDGE, y),
                TITLE_PX,
                HPos::Left,
                VPos::Top,
                &BLACK,
            )?;
        }
        plot(&area, (left, top))?;
        for (i, text) in footnote.iter().enumerate() {
            let y = note_top + i as i32 * line(NOTE_PX);
            write_at(
                &area,
                text,
                (EDGE, y),
                NOTE_PX,
                HPos::Left,
                VPos::Top,
                &GREY,
            )?;
        }
        area.present().map_err(drawing)?;
    }
    Ok(svg)
}

fn bounds(interval: Interval) -> [f64; 3] {
    [interval.low, interval.estimate, interval.high]
}

fn color(series: usize) -> RGBColor {
    COLORS[series % COLORS.len()]
}

fn wrap(text: &str, room: i32, px: i32) -> Vec<String> {
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

fn path(area: &Canvas, points: &[Point], color: RGBColor) -> Result<()> {
    let style = ShapeStyle::from(&color).stroke_width(1);
    area.draw(&PathElement::new(points.to_vec(), style))
        .map_err(drawing)
}

fn write_at(
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
fn write_below(area: &Canvas, text: &str, at: Point, color: &RGBColor) -> Result<()> {
    write_at(area, text, at, TEXT_PX, HPos::Center, VPos::Top, color)
}

/// plotters divides sizes by this on their way into the SVG.
const PLOTTERS_EM: f64 = 1.24;

fn font_size(px: i32) -> f64 {
    f64::from(px) * PLOTTERS_EM
}

/// Text that reads from bottom to top, centred on a point.
fn upright(area: &Canvas, text: &str, at: Point) -> Result<()> {
    let font = ("sans-serif", font_size(TEXT_PX))
        .into_font()
        .transform(FontTransform::Rotate270);
    let style = TextStyle::from(font)
        .color(&BLACK)
        .pos(Pos::new(HPos::Center, VPos::Center));
    area.draw(&Text::new(text.to_owned(), at, style))
        .map_err(drawing)
}

fn drawing(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow::anyhow!("cannot draw: {error}")
}

fn write(path: &Path, svg: Result<String>) -> Result<()> {
    let svg = svg.with_context(|| format!("cannot make {}", path.display()))?;
    std::fs::write(path, svg).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruler::Scale;
    use crate::table;

    fn about(value: f64) -> Interval {
        Interval {
            estimate: value,
            low: value * 0.8,
            high: value * 1.3,
        }
    }

    fn bars(scale: Scale, values: &[(&str, f64)]) -> Bars<'static> {
        let bars = values.iter().zip(0..);
        Bars {
            title: "What a switch takes: <process> & flip",
            axis: Axis {
                label: "time (log scale)",
                scale,
                format: table::brief_time_ns,
            },
            bars: bars
                .map(|((label, value), group)| Bar {
                    label: (*label).into(),
                    value: about(*value),
                    group,
                })
                .collect(),
            limit: Some((2e5, "200 µs")),
        }
    }

    fn lines() -> Lines<'static> {
        let series = |name: &str, factor: f64| Series {
            name: name.into(),
            points: [10.0, 100.0, 1000.0, 10_000.0]
                .map(|tasks| (tasks, about(factor * (900.0 + tasks / 50.0))))
                .to_vec(),
        };
        Lines {
            title: "The flip against the number of tasks",
            x: Axis {
                label: "tasks, mostly asleep",
                scale: Scale::Log,
                format: |tasks| table::count(tasks as u64),
            },
            y: Axis {
                label: "one flip",
                scale: Scale::Linear,
                format: table::brief_time_ns,
            },
            series: vec![series("fifo → vtime", 1.0), series("central → nest", 1.6)],
            limit: Some((1200.0, "limit: 1.2 × the first")),
        }
    }

    const NOTE: &str = "Interleaved in one boot, medians with 95 % bootstrap intervals. Linux \
                        6.18.15, 2 CPUs, emulated, reproducible mode: time counts instructions.";

    /// Left, top, right and bottom of each text, by the estimate that the layout uses.
    fn boxes(svg: &str) -> Vec<(String, [i32; 4])> {
        let document = roxmltree::Document::parse(svg).unwrap();
        let texts = document
            .descendants()
            .filter(|node| node.has_tag_name("text"));
        texts
            .map(|node| {
                let number = |name| node.attribute(name).unwrap().parse::<f64>().unwrap() as i32;
                let text = node.text().unwrap().trim().to_owned();
                let px = number("font-size");
                let (wide, high) = (width(&text, px), px);
                let (x, y) = (number("x"), number("y"));
                let left = match node.attribute("text-anchor").unwrap() {
                    "start" => x,
                    "middle" => x - wide / 2,
                    _ => x - wide,
                };
                if node.attribute("transform").is_some() {
                    return (text, [x - high, y - wide / 2, x, y + wide / 2]);
                }
                // Where dy moves it is right to a few pixels: the boxes are shrunk by that.
                let top = match node.attribute("dy").unwrap() {
                    "0.5ex" => y - high / 2,
                    "0.76em" => y,
                    _ => y - high,
                };
                (text, [left, top + 2, left + wide, top + high - 2])
            })
            .collect()
    }

    fn check_layout(svg: &str) {
        let document = roxmltree::Document::parse(svg).unwrap();
        let root = document.root_element();
        let size = |name| root.attribute(name).unwrap().parse::<i32>().unwrap();
        let (wide, high) = (size("width"), size("height"));
        let boxes = boxes(svg);
        for (i, (text, [left, top, right, bottom])) in boxes.iter().enumerate() {
            assert!(
                *left >= 0 && *top >= 0 && *right <= wide && *bottom <= high,
                "{text:?} leaves the picture of {wide} × {high}: {left} {top} {right} {bottom}"
            );
            for (other, [l, t, r, b]) in &boxes[i + 1..] {
                let apart = right <= l || r <= left || bottom <= t || b <= top;
                assert!(apart, "{text:?} lies over {other:?}\n{svg}");
            }
        }
    }

    #[test]
    fn labels_of_bars_do_not_overlap() {
        let times = [
            ("scx_rusty: start, until it is in charge", 1.2e9),
            ("preloaded: detach, attach", 31e6),
            ("scx_meta: flip", 930.0),
        ];
        let svg = bars(Scale::Log, &times).svg(NOTE).unwrap();
        check_layout(&svg);
        let texts: Vec<_> = boxes(&svg).into_iter().map(|(text, _)| text).collect();
        for expected in [
            "scx_meta: flip",
            "930 ns",
            "200 µs",
            "What a switch takes: <process> & flip",
        ] {
            assert!(
                texts.iter().any(|text| text == expected),
                "{expected} in {texts:?}"
            );
        }
        check_layout(&bars(Scale::Linear, &times[1..]).svg(NOTE).unwrap());
    }

    #[test]
    fn labels_of_lines_do_not_overlap() {
        check_layout(&lines().svg(NOTE).unwrap());
        let mut log = lines();
        log.y.scale = Scale::Log;
        check_layout(&log.svg(NOTE).unwrap());
    }

    #[test]
    fn a_longer_bar_reaches_further() {
        let svg = bars(Scale::Log, &[("a", 1e3), ("b", 1e6)]).svg("").unwrap();
        let document = roxmltree::Document::parse(&svg).unwrap();
        let widths: Vec<f64> = document
            .descendants()
            .filter(|node| node.has_tag_name("rect") && node.attribute("opacity") == Some("0.75"))
            .map(|node| node.attribute("width").unwrap().parse().unwrap())
            .collect();
        assert_eq!(widths.len(), 2);
        assert!(widths[0] * 2.0 < widths[1], "{widths:?}");
    }

    #[test]
    fn what_cannot_be_drawn_names_the_file_and_the_figure() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("switch.svg");
        let error = bars(Scale::Log, &[("a", 0.0)]).save(&file, "").unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.contains("switch.svg") && error.contains("What a switch"),
            "{error}"
        );
        assert!(error.contains("cannot show 0"), "{error}");
        assert!(!file.exists());
    }

    #[test]
    fn figures_are_files_and_the_same_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let dir = std::env::var_os("FIGURES_DIR").map_or(dir.path().to_owned(), Into::into);
        let times = [
            ("scx_rusty: start, until it is in charge", 1.2e9),
            ("scx_rusty: stop", 240e6),
            ("preloaded: detach, attach", 31e6),
            ("scx_meta: flip", 930.0),
        ];
        bars(Scale::Log, &times)
            .save(&dir.join("bars.svg"), NOTE)
            .unwrap();
        lines().save(&dir.join("lines.svg"), NOTE).unwrap();
        let again = std::fs::read_to_string(dir.join("lines.svg")).unwrap();
        assert_eq!(again, lines().svg(NOTE).unwrap());
    }
}
