// SPDX-License-Identifier: GPL-2.0-only
//! A figure twice: in the page, which says itself where its data come from, and as a file that
//! has to.

use anyhow::Result;
use evidence::figure::Standing;

use crate::estimate::Verdict;
use crate::outcome::Source;

/// What the shaded band is called.
pub const BAND: &str = "EEVDF against itself (noise floor)";

/// What colours mean in every figure of rows.
pub const KEY: [(Standing, &str); 3] = [
    (Standing::Better, "better"),
    (Standing::Worse, "worse"),
    (Standing::Unclear, "inside the noise"),
];

/// A figure.
pub struct Drawing {
    /// Name of its file.
    pub file: String,
    /// What it shows.
    pub title: String,
    /// For the page.
    pub inline: String,
    /// For the file: with a footnote.
    pub alone: String,
}

impl Drawing {
    /// `svg` draws it above a footnote.
    pub fn new(
        file: String,
        title: &str,
        source: &Source,
        svg: impl Fn(&str) -> Result<String>,
    ) -> Result<Self> {
        Ok(Self {
            file,
            title: title.to_owned(),
            inline: svg("")?,
            alone: svg(&footnote(source))?,
        })
    }
}

fn footnote(source: &Source) -> String {
    let Source {
        kernel,
        machine,
        method,
        ..
    } = source;
    format!("Linux {kernel}, {machine}. {method}")
}

/// How a verdict looks.
pub fn standing(verdict: Verdict) -> Standing {
    match verdict {
        Verdict::Better => Standing::Better,
        Verdict::Worse => Standing::Worse,
        Verdict::InsideNoise => Standing::Unclear,
    }
}
