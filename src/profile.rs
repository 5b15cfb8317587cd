// SPDX-License-Identifier: GPL-2.0-only
//! `--profile FILE`: what applications were measured to do under EEVDF and under
//! each policy. A TOML file; `contrib/profile.example.toml` is one.
//!
//! ```toml
//! partial = false                  # true: the measurement was cut short
//!
//! [provenance]                     # optional, for people
//! kernel = "6.18.15"
//! machine = "2 CPUs, QEMU"
//! date = "2026-11-23T18:00:00Z"
//! emulated = true                  # software played the processor
//! commands = ["wrk -c 20 …"]       # optional
//!
//! [[application]]
//! name = "frontend"
//! throughput_unit = "requests/s"   # of throughput below: more is better
//! latency_quantile = "p99"         # of latency_ms below; or "p90"
//! concurrency = 20                 # requests under way at once
//!
//! [application.under.eevdf]
//! throughput = 118.2               # the median
//! throughput_interval = [117.4, 119.0]  # optional, around the median
//! latency_ms = 212.0
//! n = 16                           # repetitions
//!
//! [application.under.fifo]         # likewise, and so on for each policy
//! ```
//!
//! It decides a machine's schedule for weeks, so nothing in it is guessed: an
//! unknown or missing field, a figure that cannot be one, and a policy that is
//! loaded but was not measured are errors with file, line and field.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::num::NonZeroU32;
use std::ops::Range;
use std::path::Path;

use anyhow::anyhow;
use anyhow::Context;
use anyhow::Error;
use anyhow::Result;
use serde::Deserialize;
use toml::Spanned;

use crate::policy::Policy;
use crate::weights::PolicyList;

/// The row of the kernel's own scheduler, to which all others are compared.
const EEVDF: &str = "eevdf";

/// What was measured, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The measurement was cut short.
    pub partial: bool,
    /// Where the figures come from, if the file says.
    pub provenance: Option<Provenance>,
    /// At least one; names are unique.
    pub applications: Vec<Application>,
}

/// Where figures come from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The kernel's release.
    pub kernel: String,
    /// CPUs, memory and what else matters.
    pub machine: String,
    /// When.
    pub date: String,
    /// Software played the processor.
    pub emulated: bool,
    /// What was run.
    #[serde(default)]
    pub commands: Vec<String>,
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let emulated = if self.emulated { ", emulated" } else { "" };
        let (kernel, machine, date) = (&self.kernel, &self.machine, &self.date);
        write!(f, "kernel {kernel}, {machine}{emulated}, {date}")
    }
}

/// Something to be scheduled, measured by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// What people call it.
    pub name: String,
    /// What `throughput` counts.
    pub throughput_unit: String,
    /// Which latency `latency_ms` is.
    pub latency_quantile: Quantile,
    /// Requests under way at once while it was measured.
    pub concurrency: NonZeroU32,
    /// Under the kernel's own scheduler.
    pub eevdf: Figures,
    /// Under policies, in table order.
    pub policies: Vec<(Policy, Figures)>,
}

/// Part of the requests that were faster than the latency stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quantile {
    /// 99 %
    P99,
    /// 90 %, where there were too few requests for more.
    P90,
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P99 => "p99",
            Self::P90 => "p90",
        })
    }
}

/// One application under one scheduler. All figures are positive and finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// The median; more is better.
    pub throughput: f64,
    /// Ends of an interval around it.
    pub throughput_interval: Option<(f64, f64)>,
    /// At the application's quantile.
    pub latency_ms: f64,
    /// Repetitions.
    pub n: NonZeroU32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfile {
    partial: bool,
    provenance: Option<Provenance>,
    application: Spanned<Vec<RawApplication>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawApplication {
    name: Spanned<String>,
    throughput_unit: String,
    latency_quantile: Quantile,
    concurrency: NonZeroU32,
    under: BTreeMap<Spanned<String>, RawFigures>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFigures {
    throughput: Spanned<f64>,
    throughput_interval: Option<Spanned<Vec<f64>>>,
    latency_ms: Spanned<f64>,
    n: NonZeroU32,
}

impl Profile {
    /// Reads a file. Each of `loaded` must have been measured.
    pub fn read(path: &Path, loaded: &PolicyList) -> Result<Self> {
        let file = path.display().to_string();
        let text = fs::read_to_string(path).with_context(|| format!("--profile {file}"))?;
        Self::parse(&text, &file, loaded)
    }

    /// As `read`; `file` is what errors call it.
    pub fn parse(text: &str, file: &str, loaded: &PolicyList) -> Result<Self> {
        let source = Source { file, text };
        let raw: RawProfile = toml::from_str(text).map_err(|error| source.refused(&error))?;
        if raw.application.get_ref().is_empty() {
            return Err(source.error(raw.application.span(), "application: there is none"));
        }
        let mut applications: Vec<Application> = Vec::new();
        for application in raw.application.into_inner() {
            let name = &application.name;
            if applications.iter().any(|a| a.name == *name.get_ref()) {
                let message = format!("name: there are two applications `{}`", name.get_ref());
                return Err(source.error(name.span(), message));
            }
            applications.push(source.application(application, loaded)?);
        }
        Ok(Self {
            partial: raw.partial,
            provenance: raw.provenance,
            applications,
        })
    }
}

/// The file, to say where in it something is wrong.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn application(&self, raw: RawApplication, loaded: &PolicyList) -> Result<Application> {
        let RawApplication { name, under, .. } = raw;
        let at = name.span();
        let name = name.into_inner();
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(self.error(at, format!("name: {name:?} is not a name")));
        }
        let of =
            |message: String| self.error(at.clone(), format!("application `{name}`: {message}"));

        let mut eevdf = None;
        let mut policies = Vec::new();
        for (scheduler, raw) in under {
            let figures = self.figures(&name, scheduler.get_ref(), raw)?;
            if scheduler.get_ref() == EEVDF {
                eevdf = Some(figures);
                continue;
            }
            let policy: Policy = scheduler.get_ref().parse().map_err(|error: Error| {
                let message = format!(
                    "application `{name}`: under.{}: {error}",
                    scheduler.get_ref()
                );
                self.error(scheduler.span(), message)
            })?;
            policies.push((policy, figures));
        }
        let eevdf = eevdf.ok_or_else(|| {
            of(format!(
                "under.{EEVDF} is missing, to which the policies are compared"
            ))
        })?;
        for policy in loaded.iter() {
            if !policies.iter().any(|(measured, _)| *measured == policy) {
                return Err(of(format!(
                    "under.{policy} is missing; measure it, or leave {policy} out of --policies"
                )));
            }
        }
        policies.sort_by_key(|(policy, _)| policy.id());
        Ok(Application {
            name,
            throughput_unit: raw.throughput_unit,
            latency_quantile: raw.latency_quantile,
            concurrency: raw.concurrency,
            eevdf,
            policies,
        })
    }

    fn figures(&self, application: &str, scheduler: &str, raw: RawFigures) -> Result<Figures> {
        let at = |field: &str| format!("application `{application}`: under.{scheduler}.{field}");
        let positive = |field: &str, value: &Spanned<f64>| {
            let number = *value.get_ref();
            if number.is_finite() && number > 0.0 {
                return Ok(number);
            }
            let message = format!("{}: {number} is not a positive, finite number", at(field));
            Err(self.error(value.span(), message))
        };
        let throughput = positive("throughput", &raw.throughput)?;
        let interval = |value: Spanned<Vec<f64>>| match value.get_ref()[..] {
            [low, high]
                if low > 0.0 && low <= throughput && throughput <= high && high.is_finite() =>
            {
                Ok((low, high))
            }
            _ => {
                let field = at("throughput_interval");
                let message = format!(
                    "{field}: not [LOW, HIGH], two positive, finite numbers around {throughput}"
                );
                Err(self.error(value.span(), message))
            }
        };
        Ok(Figures {
            throughput,
            throughput_interval: raw.throughput_interval.map(interval).transpose()?,
            latency_ms: positive("latency_ms", &raw.latency_ms)?,
            n: raw.n,
        })
    }

    /// `FILE:LINE: …`
    fn error(&self, span: Range<usize>, message: impl fmt::Display) -> Error {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        anyhow!("{}:{line}: {message}", self.file)
    }

    /// What the TOML parser and serde say names a field that is unknown or
    /// missing, but not the one that has a wrong value.
    fn refused(&self, error: &toml::de::Error) -> Error {
        let message = error.message();
        let span = error.span().unwrap_or(0..0);
        match self.key_before(span.start) {
            Some(key) => self.error(span, format!("{key}: {message}")),
            None if span.is_empty() => self.error(span, message),
            None => {
                let line = self.line_at(span.start);
                self.error(span, format!("{message}, in `{line}`"))
            }
        }
    }

    /// The `n` of `n = 0`, also within `{ … }`, if a value begins at `at`.
    fn key_before(&self, at: usize) -> Option<&str> {
        let line = self.text.get(..at)?.lines().next_back()?;
        let key = line.trim_end().strip_suffix('=')?;
        key.rsplit(['{', ',']).next().map(str::trim)
    }

    fn line_at(&self, at: usize) -> &str {
        let (before, after) = self.text.split_at_checked(at).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = at + after.find('\n').unwrap_or(after.len());
        self.text.get(start..end).unwrap_or_default().trim()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first two policies of the table stand for any.
    const GOOD: &str = r#"partial = false
[provenance]
kernel = "6.18.15"
machine = "2 CPUs"
date = "2026-11-23"
emulated = true

[[application]]
name = "frontend"
throughput_unit = "requests/s"
latency_quantile = "p99"
concurrency = 20
[application.under.eevdf]
throughput = 118
latency_ms = 30.5
n = 16
[application.under.SECOND]
throughput = 120.0
throughput_interval = [119, 121.5]
latency_ms = 29.0
n = 8
[application.under.FIRST]
throughput = 110.0
latency_ms = 33.0
n = 8

[[application]]
name = "backend"
throughput_unit = "answers/s"
latency_quantile = "p90"
concurrency = 4
under.eevdf = { throughput = 2.5, latency_ms = 100.0, n = 9 }
under.FIRST = { throughput = 2.6, latency_ms = 90.0, n = 7 }
under.SECOND = { throughput = 2.4, latency_ms = 110.0, n = 7 }
"#;

    fn first_two() -> [Policy; 2] {
        let mut all = Policy::all();
        [all.next().unwrap(), all.next().unwrap()]
    }

    fn parse(text: &str) -> Result<Profile> {
        let [first, second] = first_two();
        let text = text
            .replace("FIRST", first.name())
            .replace("SECOND", second.name());
        let loaded = format!("{first},{second}").parse().unwrap();
        Profile::parse(&text, "p.toml", &loaded)
    }

    #[test]
    fn a_profile_is_read_with_its_policies_in_table_order() {
        let [first, second] = first_two();
        let profile = parse(GOOD).unwrap();
        assert!(!profile.partial);
        let source = profile.provenance.unwrap();
        assert_eq!(
            source.to_string(),
            "kernel 6.18.15, 2 CPUs, emulated, 2026-11-23"
        );
        let [frontend, backend] = &profile.applications[..] else {
            panic!("{:?}", profile.applications);
        };
        assert_eq!(frontend.name, "frontend");
        assert_eq!(frontend.concurrency.get(), 20);
        assert_eq!(frontend.latency_quantile, Quantile::P99);
        assert_eq!(frontend.eevdf.throughput, 118.0);
        assert_eq!(frontend.eevdf.latency_ms, 30.5);
        assert_eq!(frontend.eevdf.n.get(), 16);
        let [(one, _), (two, figures)] = &frontend.policies[..] else {
            panic!("{frontend:?}");
        };
        assert_eq!([*one, *two], [first, second]);
        assert_eq!(figures.throughput_interval, Some((119.0, 121.5)));
        assert_eq!(backend.throughput_unit, "answers/s");
        assert_eq!(backend.latency_quantile, Quantile::P90);
        assert_eq!(backend.policies[1].1.latency_ms, 110.0);
    }

    #[test]
    fn provenance_may_be_missing_and_partial_may_not() {
        let from = GOOD.find("[provenance]").unwrap();
        let to = GOOD.find("[[application]]").unwrap();
        let bare = format!("{}{}", &GOOD[..from], &GOOD[to..]);
        assert_eq!(parse(&bare).unwrap().provenance, None);
        let partial = bare.replace("partial = false", "partial = true");
        assert!(parse(&partial).unwrap().partial);
    }

    /// Each replaces the first occurrence only.
    #[test]
    fn errors_state_file_line_and_field() {
        for (good, bad, expected) in [
            (
                "throughput = 118",
                "throughput = 0",
                "p.toml:14: application `frontend`: under.eevdf.throughput: 0 is not a positive",
            ),
            (
                "throughput = 118",
                "throughput = -3.5",
                "p.toml:14: application `frontend`: under.eevdf.throughput: -3.5 is not",
            ),
            (
                "latency_ms = 33.0",
                "latency_ms = nan",
                "p.toml:24: application `frontend`: under.FIRST.latency_ms: NaN is not",
            ),
            (
                "latency_ms = 90.0",
                "latency_ms = inf",
                "p.toml:33: application `backend`: under.FIRST.latency_ms: inf is not",
            ),
            (
                "n = 16",
                "n = 0",
                "p.toml:16: n: invalid value: integer `0`",
            ),
            (
                "n = 9",
                "n = -1",
                "p.toml:32: n: invalid value: integer `-1`",
            ),
            (
                "concurrency = 20",
                "concurrency = 0",
                "p.toml:12: concurrency: ",
            ),
            (
                "throughput = 2.6",
                "throughput = 'fast'",
                "p.toml:33: throughput: invalid type: string \"fast\"",
            ),
            (
                "\"p90\"",
                "\"p50\"",
                "p.toml:30: latency_quantile: unknown variant `p50`",
            ),
            (
                "[119, 121.5]",
                "[121, 119]",
                "p.toml:19: application `frontend`: under.SECOND.throughput_interval: not",
            ),
            (
                "[119, 121.5]",
                "[121, 122]",
                "p.toml:19: application `frontend`: under",
            ),
            (
                "[119, 121.5]",
                "[118, 119]",
                "p.toml:19: application `frontend`: under",
            ),
            (
                "[119, 121.5]",
                "[nan, 121]",
                "p.toml:19: application `frontend`: under",
            ),
            (
                "[119, 121.5]",
                "[119, inf]",
                "p.toml:19: application `frontend`: under",
            ),
            (
                "[119, 121.5]",
                "[119, 121, 122]",
                "p.toml:19: application `frontend`: under",
            ),
            (
                "[119, 121.5]",
                "[119, 'x']",
                "p.toml:19: invalid type: string \"x\", expected f64, in \
                 `throughput_interval = [119, 'x']`",
            ),
            ("kernel =", "kernle =", "p.toml:3: unknown field `kernle`"),
            ("partial =", "partly =", "p.toml:1: unknown field `partly`"),
            ("partial = false", "", "p.toml:1: missing field `partial`"),
            (
                "n = 16",
                "n = 16\nspread = 3",
                "p.toml:17: unknown field `spread`",
            ),
            ("n = 7", "n = 7, sd = 1", "p.toml:33: unknown field `sd`"),
            ("n = 16", "", "p.toml:13: missing field `n`"),
            (
                "concurrency = 4",
                "",
                "p.toml:27: missing field `concurrency`",
            ),
            (
                "\"backend\"",
                "\"frontend\"",
                "p.toml:28: name: there are two applications",
            ),
            ("\"backend\"", "\"\"", "p.toml:28: name: \"\" is not a name"),
            (
                "\"backend\"",
                "\"a\\nb\"",
                "p.toml:28: name: \"a\\nb\" is not a name",
            ),
            (
                "under.FIRST =",
                "under.cfs =",
                "p.toml:33: application `backend`: under.cfs: unknown policy `cfs`; known: FIRST, ",
            ),
            (
                "under.FIRST = { throughput = 2.6, latency_ms = 90.0, n = 7 }",
                "",
                "p.toml:28: application `backend`: under.FIRST is missing",
            ),
            (
                "under.eevdf = { throughput = 2.5, latency_ms = 100.0, n = 9 }",
                "",
                "p.toml:28: application `backend`: under.eevdf is missing",
            ),
            ("under.FIRST", "under.SECOND", "p.toml:22: duplicate key"),
            ("date = ", "date : ", "p.toml:5: "),
        ] {
            assert!(GOOD.contains(good), "{good}");
            let error = parse(&GOOD.replacen(good, bad, 1)).unwrap_err().to_string();
            let [first, second] = first_two().map(Policy::name);
            let expected = expected.replace("FIRST", first).replace("SECOND", second);
            assert!(error.starts_with(&expected), "{expected}\n{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_profile_without_applications_is_refused() {
        let error = |text| parse(text).unwrap_err().to_string();
        assert_eq!(
            error("partial = false\napplication = []\n"),
            "p.toml:2: application: there is none"
        );
        assert_eq!(
            error("partial = false\n"),
            "p.toml:1: missing field `application`"
        );
    }

    #[test]
    fn only_loaded_policies_must_have_been_measured() {
        let [first, second] = first_two();
        let others: Vec<_> = Policy::all().map(Policy::name).collect();
        let text = GOOD
            .replace("FIRST", first.name())
            .replace("SECOND", second.name());
        assert!(Profile::parse(&text, "p", &first.name().parse().unwrap()).is_ok());
        let error = Profile::parse(&text, "p", &others.join(",").parse().unwrap());
        let error = error.unwrap_err().to_string();
        let third = Policy::all().nth(2).unwrap();
        assert!(
            error.contains(&format!("under.{third} is missing")),
            "{error}"
        );
        assert!(error.contains("out of --policies"), "{error}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let path = Path::new("/nonexistent/profile.toml");
        let error = Profile::read(path, &PolicyList::all()).unwrap_err();
        let error = format!("{error:#}");
        assert!(
            error.contains("--profile /nonexistent/profile.toml: "),
            "{error}"
        );
    }

    #[test]
    fn the_example_is_a_profile_of_every_policy() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/profile.example.toml");
        let profile = Profile::read(&path, &PolicyList::all()).unwrap();
        assert!(!profile.partial);
        assert_eq!(profile.applications.len(), 3);
        for application in &profile.applications {
            let policies = application.policies.iter().map(|(policy, _)| *policy);
            assert!(policies.eq(Policy::all()), "{application:?}");
        }
    }
}
