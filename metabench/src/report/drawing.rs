// SPDX-License-Identifier: GPL-2.0-only
//! A figure twice: in the page, which says itself where its data come from, and as a file that
//! has to.

use anyhow::Result;
use evidence::figure::{Dots, Group, Run, Standing, Steps};
use evidence::sample::Interval;

use super::words;
use crate::outcome::Source;

pub(crate) const BAND: &str = "EEVDF against itself (noise floor)";

/// The meaning of colours in every figure of rows.
pub(crate) const KEY: [(Standing, &str); 3] = [
    (Standing::Better, "better"),
    (Standing::Worse, "worse"),
    (Standing::Unclear, "inside the noise"),
];

pub(crate) struct Drawing {
    pub(crate) file: String,
    pub(crate) title: String,
    /// For the page.
    pub(crate) inline: String,
    /// For the file: with a footnote.
    pub(crate) alone: String,
}

/// All of a figure but the ratios in it.
pub(crate) struct Frame<'a> {
    pub(crate) file: String,
    pub(crate) title: String,
    /// Of the axis that ratios are on.
    pub(crate) label: String,
    /// The name of the line at 1.
    pub(crate) one: &'a str,
    pub(crate) source: &'a Source,
}

impl Frame<'_> {
    /// A dot for each row; nothing without any.
    pub(crate) fn dots(
        self,
        groups: Vec<Group>,
        key: Vec<(Standing, &str)>,
    ) -> Result<Option<Drawing>> {
        if groups.is_empty() {
            return Ok(None);
        }
        let dots = groups.iter().flat_map(|group| &group.dots);
        let bands = groups.iter().filter_map(|group| group.band);
        let dots = Dots {
            title: &self.title,
            axis: words::axis(&self.label, dots.map(|dot| dot.value).chain(bands)),
            one: self.one,
            groups,
            key,
            band: BAND,
        };
        self.drawn(|note| dots.svg(note)).map(Some)
    }

    /// A line for each run; nothing without any.
    pub(crate) fn steps(
        self,
        x: &str,
        steps: Vec<String>,
        noise: Option<Interval>,
        runs: Vec<Run>,
    ) -> Result<Option<Drawing>> {
        if runs.is_empty() {
            return Ok(None);
        }
        let points = runs.iter().flat_map(|run| &run.points);
        let steps = Steps {
            title: &self.title,
            x,
            steps,
            y: words::axis(&self.label, points.map(|point| point.1).chain(noise)),
            one: self.one,
            band: noise.map(|noise| (noise, BAND)),
            runs,
        };
        self.drawn(|note| steps.svg(note)).map(Some)
    }

    /// `svg` draws it above a footnote.
    fn drawn(&self, svg: impl Fn(&str) -> Result<String>) -> Result<Drawing> {
        let Source {
            kernel,
            machine,
            method,
            ..
        } = self.source;
        Ok(Drawing {
            file: self.file.clone(),
            title: self.title.clone(),
            inline: svg("")?,
            alone: svg(&format!("Linux {kernel}, {machine}. {method}"))?,
        })
    }
}
