// SPDX-License-Identifier: GPL-2.0-only
//! A profile is read as it was written, and what is wrong with it is said with file, line and field.

use std::path::Path;

use anyhow::Result;

use super::*;
use crate::Policies;

/// FIRST and SECOND are the first two policies of the table.
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
[application.under.kernel]
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
under.kernel = { throughput = 2.5, latency_ms = 100.0, n = 9 }
under.FIRST = { throughput = 2.6, latency_ms = 90.0, n = 7 }
under.SECOND = { throughput = 2.4, latency_ms = 110.0, n = 7 }
"#;

const TABLE: [&str; 3] = ["one", "two", "three"];

fn first_two() -> [&'static str; 2] {
    [TABLE[0], TABLE[1]]
}

fn loaded(policies: &[&str]) -> Policies {
    Policies::new(&TABLE, policies)
}

fn parse(text: &str) -> Result<Profile> {
    let [first, second] = first_two();
    let text = text.replace("FIRST", first).replace("SECOND", second);
    Profile::parse(&text, "p.toml", &loaded(&[first, second]))
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
    assert_eq!(frontend.latency_quantile, Some(Quantile::P99));
    assert_eq!(frontend.eevdf.throughput, 118.0);
    assert_eq!(frontend.eevdf.latency_ms, Some(30.5));
    assert_eq!(frontend.eevdf.n.get(), 16);
    let [(one, _), (two, figures)] = &frontend.policies[..] else {
        panic!("{frontend:?}");
    };
    assert_eq!([one, two], [first, second]);
    assert_eq!(figures.throughput_interval, Some((119.0, 121.5)));
    assert_eq!(backend.throughput_unit, "answers/s");
    assert_eq!(backend.latency_quantile, Some(Quantile::P90));
    assert_eq!(backend.policies[1].1.latency_ms, Some(110.0));
    assert_eq!(profile.whole, None);
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
            "p.toml:14: application `frontend`: under.kernel.throughput: 0 is not a positive",
        ),
        (
            "throughput = 118",
            "throughput = -3.5",
            "p.toml:14: application `frontend`: under.kernel.throughput: -3.5 is not",
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
            "under.kernel = { throughput = 2.5, latency_ms = 100.0, n = 9 }",
            "",
            "p.toml:28: application `backend`: under.kernel is missing",
        ),
        ("under.FIRST", "under.SECOND", "p.toml:22: duplicate key"),
        ("date = ", "date : ", "p.toml:5: "),
    ] {
        assert!(GOOD.contains(good), "{good}");
        let error = parse(&GOOD.replacen(good, bad, 1)).unwrap_err().to_string();
        let [first, second] = first_two();
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
    let text = GOOD.replace("FIRST", first).replace("SECOND", second);
    assert!(Profile::parse(&text, "p", &loaded(&[first])).is_ok());
    let error = Profile::parse(&text, "p", &loaded(&TABLE));
    let error = error.unwrap_err().to_string();
    let third = TABLE[2];
    assert!(
        error.contains(&format!("under.{third} is missing")),
        "{error}"
    );
    assert!(error.contains("out of --policies"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let path = Path::new("/nonexistent/profile.toml");
    let error = Profile::read(path, &loaded(&TABLE)).unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("--profile /nonexistent/profile.toml: "),
        "{error}"
    );
}

/// One application with ratios and a batch job without requests; both together.
const PAIRED: &str = r#"partial = true

[[application]]
name = "web"
throughput_unit = "requests/s"
latency_quantile = "p90"
concurrency = 8
[application.under.kernel]
throughput = 100.0
throughput_ratio = 1.001
latency_ms = 50.0
latency_interval_ms = [49.0, 52.0]
n = 16
[application.under.FIRST]
throughput = 101.0
throughput_ratio = 1.02
throughput_ratio_interval = [1.01, 1.03]
latency_ms = 51.0
latency_ratio = 0.99
latency_ratio_interval = [0.98, 1.0]
n = 8
[application.under.SECOND]
throughput = 102.0
throughput_ratio = 1.015
latency_ms = 40.0
latency_ratio = 0.81
n = 8

[[application]]
name = "batch"
throughput_unit = "runs/s"
concurrency = 1
under.kernel = { throughput = 2.0, n = 16 }
under.FIRST = { throughput = 1.0, n = 8 }
under.SECOND = { throughput = 3.0, n = 8 }

[whole]
name = "all"
throughput_unit = "relative"
concurrency = 9
under.kernel = { throughput = 9.0, n = 16 }
under.FIRST = { throughput = 8.0, n = 8 }
under.SECOND = { throughput = 7.0, n = 8 }
"#;

#[test]
fn ratios_that_are_stated_count_and_quotients_stand_in_for_them() {
    let profile = parse(PAIRED).unwrap();
    let [web, batch] = &profile.applications[..] else {
        panic!("{profile:?}");
    };
    let [(_, first), (_, second)] = &web.policies[..] else {
        panic!("{web:?}");
    };
    assert_eq!(web.throughput_ratio(first), 1.02);
    assert_eq!(web.latency_ratio(first), Some(0.99));
    assert_eq!(first.throughput_ratio_interval, Some((1.01, 1.03)));
    assert_eq!(first.latency_ratio_interval, Some((0.98, 1.0)));
    assert_eq!(web.throughput_ratio(second), 1.015);
    assert_eq!(web.eevdf.latency_interval_ms, Some((49.0, 52.0)));
    assert_eq!(batch.latency_quantile, None);
    assert_eq!(batch.throughput_ratio(&batch.policies[0].1), 0.5);
    assert_eq!(batch.latency_ratio(&batch.policies[0].1), None);

    let plain = parse(GOOD).unwrap();
    let frontend = &plain.applications[0];
    let under = &frontend.policies[0].1;
    assert_eq!(frontend.latency_ratio(under), Some(33.0 / 30.5));
}

#[test]
fn the_whole_is_beside_the_applications() {
    let profile = parse(PAIRED).unwrap();
    let names: Vec<_> = profile.applications.iter().map(|a| &*a.name).collect();
    assert_eq!(names, ["web", "batch"]);
    let whole = profile.whole.unwrap();
    assert_eq!((&*whole.name, whole.eevdf.throughput), ("all", 9.0));
}

/// Each replaces the first occurrence only.
#[test]
fn what_only_some_rows_have_is_refused() {
    for (good, bad, expected) in [
        (
            "throughput_ratio = 1.015\n",
            "\n",
            "p.toml:22: application `web`: under.SECOND.throughput_ratio is missing: all have",
        ),
        (
            "latency_ratio = 0.81\n",
            "\n",
            "p.toml:22: application `web`: under.SECOND.latency_ratio is missing: all have",
        ),
        (
            "latency_ms = 50.0\nlatency_interval_ms = [49.0, 52.0]\n",
            "",
            "p.toml:8: application `web`: under.kernel.latency_ms is missing: all have it or none",
        ),
        (
            "{ throughput = 1.0,",
            "{ throughput = 1.0, latency_ms = 3.0,",
            "p.toml:33: application `batch`: under.kernel.latency_ms is missing",
        ),
        (
            "{ throughput = 1.0,",
            "{ throughput = 1.0, latency_ratio = 3.0,",
            "p.toml:34: application `batch`: under.FIRST.latency_ratio: there is no latency_ms",
        ),
        (
            "{ throughput = 1.0,",
            "{ throughput = 1.0, throughput_ratio_interval = [1, 2],",
            "p.toml:34: application `batch`: under.FIRST.throughput_ratio_interval: there is no fig",
        ),
        (
            "throughput_ratio = 1.02\n",
            "throughput_ratio = 0\n",
            "p.toml:16: application `web`: under.FIRST.throughput_ratio: 0 is not a positive",
        ),
        (
            "[1.01, 1.03]",
            "[1.03, 1.04]",
            "p.toml:17: application `web`: under.FIRST.throughput_ratio_interval: not [LOW, HIGH]",
        ),
        (
            "latency_ratio = 0.99",
            "latency_ratio = 'low'",
            "p.toml:19: latency_ratio: invalid type",
        ),
        (
            "latency_quantile = \"p90\"\n",
            "\n",
            "p.toml:4: application `web`: latency_quantile is missing",
        ),
        (
            "concurrency = 1\n",
            "concurrency = 1\nlatency_quantile = \"p99\"\n",
            "p.toml:33: application `batch`: latency_quantile: there is no latency_ms",
        ),
        (
            "throughput = 8.0",
            "throughput = -8",
            "p.toml:42: whole `all`: under.FIRST.throughput: -8 is not",
        ),
        (
            "under.SECOND = { throughput = 7.0, n = 8 }",
            "",
            "p.toml:38: whole `all`: under.SECOND is missing",
        ),
        ("name = \"all\"", "name = \"\"", "p.toml:38: name: \"\" is not"),
    ] {
        assert!(PAIRED.contains(good), "{good}");
        let error = parse(&PAIRED.replacen(good, bad, 1)).unwrap_err();
        let error = error.to_string();
        let [first, second] = first_two();
        let expected = expected.replace("FIRST", first).replace("SECOND", second);
        assert!(error.starts_with(&expected), "{expected}\n{error}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    for text in [GOOD, PAIRED] {
        let profile = parse(text).unwrap();
        let written = profile.to_toml().unwrap();
        assert_eq!(parse(&written).unwrap(), profile, "{written}");
        let rows: Vec<_> = written
            .lines()
            .filter_map(|line| line.strip_prefix("[application.under."))
            .collect();
        let [first, second] = first_two();
        let expected = ["kernel", first, second].map(|name| format!("{name}]"));
        assert_eq!(rows[..3], expected, "{written}");
    }
}
