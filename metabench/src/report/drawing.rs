// SPDX-License-Identifier: GPL-2.0-only
//! A figure twice: in the page, which says itself where its data come from, and as a file that
//! has to.

use anyhow::Result;
use evidence::figure::Standing;

use crate::estimate::Verdict;
use crate::outcome::Source;

pub(crate) const BAND: &str = "EEVDF against itself (noise floor)";

/// What colours mean in every figure of rows.
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

impl Drawing {
    /// `svg` draws it above a footnote.
    pub(crate) fn new(
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

pub(crate) fn standing(verdict: Verdict) -> Standing {
    match verdict {
        Verdict::Better => Standing::Better,
        Verdict::Worse => Standing::Worse,
        Verdict::InsideNoise => Standing::Unclear,
    }
}
