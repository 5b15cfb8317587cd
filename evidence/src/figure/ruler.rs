// SPDX-License-Identifier: GPL-2.0-only
//! From values to pixels: scales, ticks that do not touch, and how much room text takes.

use std::collections::BTreeSet;

use anyhow::{ensure, Result};

pub(crate) const TEXT_PX: i32 = 13;
const LEADING: f64 = 1.35;
/// Width of a character ÷ its size: wider than the mean of any common sans-serif, so that what
/// fits by this fits.
const CHAR_WIDTH: f64 = 0.6;
/// An axis around a value shows at least this part of it on both sides: else what differs by
/// nothing would fill the picture.
const LEAST_AROUND: f64 = 0.01;
const TICK_GAP: i32 = 14;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// From 0, in equal steps.
    Linear,
    /// In equal ratios; all values must be above 0.
    Log,
}

#[derive(Clone, Copy)]
pub struct Axis<'a> {
    /// Says its unit as well where the numbers do not say it.
    pub label: &'a str,
    pub scale: Scale,
    pub format: fn(f64) -> String,
}

impl<'a> Axis<'a> {
    pub const fn linear(label: &'a str, format: fn(f64) -> String) -> Self {
        Self {
            label,
            scale: Scale::Linear,
            format,
        }
    }

    pub const fn log(label: &'a str, format: fn(f64) -> String) -> Self {
        Self {
            label,
            scale: Scale::Log,
            format,
        }
    }
}

pub(crate) struct Ruler {
    scale: Scale,
    format: fn(f64) -> String,
    ends: (f64, f64),
    pixels: (i32, i32),
}

impl Ruler {
    /// For lengths: begins at 0, or on a logarithmic scale below the smallest value.
    pub(crate) fn new(
        axis: &Axis,
        values: &[f64],
        limit: Option<(f64, &str)>,
        pixels: (i32, i32),
    ) -> Result<Self> {
        let all: Vec<f64> = values
            .iter()
            .copied()
            .chain(limit.map(|(value, _)| value))
            .collect();
        check(&all, axis.scale)?;
        let (min, max) = extent(&all);
        let ends = match axis.scale {
            Scale::Linear => {
                let step = step(min.min(0.0), max.max(0.0), 5);
                (
                    (min.min(0.0) / step).floor() * step,
                    (max.max(0.0) / step * 1.02).ceil() * step,
                )
            }
            // A third of a decade below, so that the shortest bar can be seen.
            Scale::Log => (
                decade((min / 2.0).log10().floor()),
                decade((max * 1.02).log10().ceil()),
            ),
        };
        Ok(Self::between(axis, ends, pixels))
    }

    /// For places: from the smallest value to the largest.
    pub(crate) fn along(axis: &Axis, values: &[f64], pixels: (i32, i32)) -> Result<Self> {
        check(values, axis.scale)?;
        Ok(Self::between(axis, extent(values), pixels))
    }

    /// For ratios: the values and what they are compared with, out to the next round numbers.
    pub(crate) fn around(
        axis: &Axis,
        values: &[f64],
        centre: f64,
        pixels: (i32, i32),
    ) -> Result<Self> {
        let all: Vec<f64> = values.iter().copied().chain([centre]).collect();
        check(&all, axis.scale)?;
        let (min, max) = extent(&all);
        let ends = match axis.scale {
            Scale::Linear => {
                let least = centre.abs() * LEAST_AROUND;
                let (min, max) = (min.min(centre - least), max.max(centre + least));
                let step = step(min, max, 5);
                ((min / step).floor() * step, (max / step).ceil() * step)
            }
            Scale::Log => (round_below(min), 1.0 / round_below(1.0 / max)),
        };
        Ok(Self::between(axis, ends, pixels))
    }

    fn between(axis: &Axis, ends: (f64, f64), pixels: (i32, i32)) -> Self {
        Self {
            scale: axis.scale,
            format: axis.format,
            ends,
            pixels,
        }
    }

    pub(crate) fn at(&self, value: f64) -> i32 {
        let place = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Log => value.log10(),
        };
        let (from, to) = (place(self.ends.0), place(self.ends.1));
        let part = if from == to {
            0.5
        } else {
            (place(value) - from) / (to - from)
        };
        let (start, end) = (f64::from(self.pixels.0), f64::from(self.pixels.1));
        (start + part * (end - start)).round() as i32
    }

    /// Places and numbers of ticks along a horizontal axis: at `wanted` values if their numbers
    /// fit, else at round ones.
    pub(crate) fn ticks(&self, wanted: &[f64]) -> Vec<(i32, String)> {
        let wanted: BTreeSet<_> = wanted.iter().map(|value| value.to_bits()).collect();
        let wanted: Vec<_> = wanted.into_iter().map(f64::from_bits).collect();
        let own = self.labelled(&wanted);
        let fits = |ticks: &[(i32, String)]| {
            let edge = |(at, text): &(i32, String), side: i32| at + side * width(text, TEXT_PX) / 2;
            ticks
                .windows(2)
                .all(|pair| edge(&pair[0], 1) + TICK_GAP <= edge(&pair[1], -1))
        };
        if !own.is_empty() && fits(&own) {
            return own;
        }
        self.thinned(fits)
    }

    pub(crate) fn ticks_upwards(&self) -> Vec<(i32, String)> {
        self.thinned(|ticks| {
            ticks
                .windows(2)
                .all(|pair| (pair[0].0 - pair[1].0).abs() >= 2 * line(TEXT_PX))
        })
    }

    /// The most ticks that fit.
    fn thinned(&self, fits: impl Fn(&[(i32, String)]) -> bool) -> Vec<(i32, String)> {
        let (from, to) = self.ends;
        let choices: Vec<Vec<f64>> = match self.scale {
            Scale::Linear => (1..=10)
                .rev()
                .map(|count| {
                    let step = step(from, to, count);
                    let first = (from / step - 1e-9).ceil() as i64;
                    let last = (to / step + 1e-9).floor() as i64;
                    (first..=last).map(|i| i as f64 * step).collect()
                })
                .collect(),
            Scale::Log => {
                let (first, last) = (from.log10().floor() as i32, to.log10().ceil() as i32);
                let inside = |value: &f64| (from * 0.999..=to * 1.001).contains(value);
                let every = |stride: usize, digits: &[f64]| -> Vec<f64> {
                    let decades = (first..=last)
                        .step_by(stride)
                        .map(|power| decade(f64::from(power)));
                    decades
                        .flat_map(|decade| digits.iter().map(move |digit| digit * decade))
                        .filter(inside)
                        .collect()
                };
                let fine = [every(1, &[1.0, 2.0, 5.0])];
                fine.into_iter()
                    .chain((1..=4).map(|stride| every(stride, &[1.0])))
                    .collect()
            }
        };
        let mut ticks = choices.iter().map(|values| self.labelled(values));
        ticks.find(|ticks| fits(ticks)).unwrap_or_default()
    }

    fn labelled(&self, values: &[f64]) -> Vec<(i32, String)> {
        values
            .iter()
            .map(|&value| (self.at(value), (self.format)(value)))
            .collect()
    }
}

fn check(values: &[f64], scale: Scale) -> Result<()> {
    ensure!(!values.is_empty(), "there is nothing to show");
    ensure!(
        values.iter().all(|value| value.is_finite()),
        "a value is no number"
    );
    ensure!(
        scale == Scale::Linear || values.iter().all(|&value| value > 0.0),
        "a logarithmic axis cannot show 0 or less"
    );
    Ok(())
}

fn extent(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), &value| {
            (min.min(value), max.max(value))
        })
}

/// The smallest of 1, 2, 5 times a power of ten that makes at most `count` steps.
fn step(from: f64, to: f64, count: u32) -> f64 {
    let least = (to - from).max(f64::MIN_POSITIVE) / f64::from(count);
    let power = decade(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
    steps
        .into_iter()
        .find(|&step| step >= least * 0.999)
        .unwrap_or(steps[3])
}

/// The largest of 1, 2, 5 times a power of ten that is not above the value. (1 ÷ such a number is
/// one too.)
fn round_below(value: f64) -> f64 {
    let power = decade(value.log10().floor());
    let digits = [5.0, 2.0].map(|digit| digit * power);
    let below = digits
        .into_iter()
        .find(|&round| round <= value * (1.0 + 1e-9));
    below.unwrap_or(power)
}

fn decade(power: f64) -> f64 {
    10f64.powi(power as i32)
}

pub(crate) fn width(text: &str, px: i32) -> i32 {
    (text.chars().count() as f64 * f64::from(px) * CHAR_WIDTH).ceil() as i32
}

pub(crate) fn line(px: i32) -> i32 {
    (f64::from(px) * LEADING).ceil() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(scale: Scale) -> Axis<'static> {
        Axis {
            label: "",
            scale,
            format: |value| format!("{value}"),
        }
    }

    fn numbers(ticks: &[(i32, String)]) -> Vec<&str> {
        ticks.iter().map(|(_, text)| &**text).collect()
    }

    #[test]
    fn a_linear_ruler_begins_at_0_and_has_even_ticks() {
        let ruler = Ruler::new(&axis(Scale::Linear), &[30.0, 88.0], None, (0, 500)).unwrap();
        assert_eq!(ruler.at(0.0), 0);
        assert_eq!((ruler.at(50.0), ruler.at(100.0)), (250, 500));
        let ticks = ruler.ticks(&[]);
        assert_eq!(ticks[1], (50, "10".into()));
        assert_eq!(ticks.len(), 11);
    }

    #[test]
    fn a_ruler_around_1_reaches_round_numbers_on_both_sides() {
        let around = |scale, values: &[f64]| {
            let ruler = Ruler::around(&axis(scale), values, 1.0, (0, 100)).unwrap();
            assert!(ruler.ticks(&[]).iter().any(|(at, _)| *at == ruler.at(1.0)));
            (ruler.ends.0 * 1000.0).round() / 1000.0..=(ruler.ends.1 * 1000.0).round() / 1000.0
        };
        assert_eq!(around(Scale::Linear, &[1.07, 0.94]), 0.9..=1.1);
        assert_eq!(around(Scale::Linear, &[0.87]), 0.85..=1.05);
        assert_eq!(around(Scale::Linear, &[1.0]), 0.99..=1.01);
        assert_eq!(around(Scale::Log, &[0.3, 4.1]), 0.2..=5.0);
        assert_eq!(around(Scale::Log, &[12.0]), 1.0..=20.0);
        assert_eq!(around(Scale::Log, &[0.05]), 0.05..=1.0);
    }

    #[test]
    fn a_logarithmic_ruler_spans_whole_decades() {
        let ruler = Ruler::new(&axis(Scale::Log), &[900.0, 1.2e6], None, (0, 500)).unwrap();
        assert_eq!((ruler.at(100.0), ruler.at(1e7)), (0, 500));
        assert_eq!(ruler.at(1000.0), 100);
        let ticks = ruler.ticks(&[]);
        assert_eq!(numbers(&ticks)[..3], ["100", "1000", "10000"]);
    }

    #[test]
    fn ticks_stand_at_the_values_where_they_fit() {
        let cpus = [1.0, 2.0, 4.0, 8.0, 2.0];
        let ruler = Ruler::along(&axis(Scale::Log), &cpus, (0, 500)).unwrap();
        assert_eq!(numbers(&ruler.ticks(&cpus)), ["1", "2", "4", "8"]);
        let many: Vec<f64> = (1..=100).map(f64::from).collect();
        let ruler = Ruler::along(&axis(Scale::Linear), &many, (0, 500)).unwrap();
        assert_eq!(numbers(&ruler.ticks(&many))[0], "10");
    }

    #[test]
    fn ticks_never_touch() {
        let long = Axis {
            format: |value| format!("{value:.1} milliseconds"),
            ..axis(Scale::Log)
        };
        let values = [0.01, 1e9];
        let ruler = Ruler::new(&long, &values, None, (0, 520)).unwrap();
        let ticks = ruler.ticks(&values);
        assert!(ticks.len() > 1);
        for pair in ticks.windows(2) {
            let room = pair[1].0 - pair[0].0;
            let taken = (width(&pair[0].1, TEXT_PX) + width(&pair[1].1, TEXT_PX)) / 2;
            assert!(room > taken, "{ticks:?}");
        }
    }

    #[test]
    fn what_an_axis_cannot_show_is_an_error() {
        let log = |values: &[f64]| Ruler::new(&axis(Scale::Log), values, None, (0, 9)).is_err();
        assert!(log(&[0.0, 1.0]) && log(&[]) && log(&[f64::NAN]));
    }

    #[test]
    fn one_single_value_has_a_place() {
        let ruler = Ruler::along(&axis(Scale::Log), &[5.0], (0, 500)).unwrap();
        assert_eq!(ruler.at(5.0), 250);
        let zero = Ruler::new(&axis(Scale::Linear), &[0.0], None, (0, 500)).unwrap();
        assert!(zero.ticks(&[]).len() < 20);
        assert!((0..=500).contains(&zero.at(0.0)));
    }
}
