// SPDX-License-Identifier: GPL-2.0-only
//! The report of made-up outcomes.

use std::fs;
use std::path::PathBuf;

use evidence::figure;
use evidence::figure::layout::check_layout;

use super::sample::{breakdown, compare, messaging, pipeline, profile, tune, wide};
use super::*;
use crate::record::Role;

/// Writes a report; returns its page and its files.
fn report(outcomes: &[Outcome]) -> (String, Vec<PathBuf>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let written = write(outcomes, &dir.path().join(PAGE)).unwrap();
    let page = fs::read_to_string(dir.path().join(PAGE)).unwrap();
    (page, written, dir)
}

/// The page as XML, which HTML is but for its void elements.
fn check_page(page: &str) {
    let mut text = page.replace("<!DOCTYPE html>", "");
    while let Some(at) = text.find("<meta ") {
        let end = at + text[at..].find('>').unwrap();
        text.replace_range(at..=end, "");
    }
    roxmltree::Document::parse(&text).unwrap();
    for wrong in [
        "NaN",
        "inf ",
        ">inf",
        "http://www.w3.org/1999",
        "<script",
        "@import",
        "url(",
    ] {
        assert!(!page.contains(wrong), "{wrong}");
    }
}

/// A line for each line of the page, in which a figure is its title.
fn text_of(page: &str) -> String {
    let (_, body) = page.split_once("<body>").unwrap();
    let mut text = String::new();
    let mut is_figure = false;
    for piece in body.split('<').skip(1) {
        let (tag, words) = piece.split_once('>').unwrap();
        let name = tag.split(' ').next().unwrap();
        match name {
            "svg" => {
                is_figure = true;
                text.push('\n');
                let (_, title) = tag.split_once("aria-label=\"").unwrap();
                text += &format!("[figure] {}", title.split('"').next().unwrap());
            }
            "/svg" => is_figure = false,
            "/th" | "/td" => text.push_str(" | "),
            "p" | "li" | "tr" | "h1" | "h2" | "h3" | "pre" | "summary" | "figcaption" => {
                text.push('\n');
            }
            _ => text.push(' '),
        }
        if !is_figure {
            text.push_str(words);
        }
    }
    let lines = text.lines().map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        words.join(" ")
    });
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    lines.join("\n")
}

/// The text under the heading of the first verdict.
fn verdict(outcomes: &[Outcome]) -> String {
    let text = text_of(&report(outcomes).0);
    let (_, rest) = text.split_once("\nVerdict\n").unwrap();
    let lines = rest.lines();
    let lines = lines.take_while(|line| !line.contains("scx_metabench") && *line != "Method");
    lines.map(|line| format!("{line}\n")).collect()
}

/// The machine and the noise floor come before every figure, and names are escaped.
#[test]
fn the_whole_pipeline_is_one_page_with_all_its_figures() {
    let mut outcomes = pipeline();
    outcomes.push(messaging());
    let (page, written, _dir) = report(&outcomes);
    check_page(&page);
    let (last, figures) = written.split_last().unwrap();
    assert!(last.ends_with(PAGE));
    for file in figures {
        let svg = fs::read_to_string(file).unwrap();
        check_layout(&svg);
        assert!(svg.contains("Linux 6.18.15"), "{}", file.display());
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(page.contains(&format!("As a file: <code>{name}</code>")));
    }
    assert_eq!(page.matches("<svg ").count(), figures.len());
    insta::assert_snapshot!(text_of(&page));
    if let Some(keep) = std::env::var_os("REPORT_DIR").map(PathBuf::from) {
        write(&outcomes, &keep.join(PAGE)).unwrap();
        for (outcome, number) in outcomes.iter().zip(0..) {
            outcome.write(&keep.join(format!("{number}.json"))).unwrap();
        }
    }
}

/// compare's where there is one, and never tune's.
#[test]
fn the_verdict_says_what_the_data_allow() {
    let mut cut = profile();
    cut.partial = true;
    cut.subjects.clear();
    let cases = [
        ("compare", vec![compare(), tune(), profile()]),
        ("tune", vec![tune()]),
        ("profile", vec![profile()]),
        ("try, cut short", vec![messaging()]),
        ("breakdown", vec![breakdown(2), breakdown(1)]),
        ("no super-block", vec![cut]),
    ];
    let said = cases.map(|(name, outcomes)| format!("# {name}\n{}", verdict(&outcomes)));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn synergy_is_said_only_of_what_exceeds_everything() {
    let exceeds = |outcome: &Outcome| {
        let said = verdict(std::slice::from_ref(outcome));
        said.contains("So by throughput it exceeds all of them")
    };
    let mut outcome = compare();
    for comparison in &mut outcome.comparisons {
        comparison.throughput_ratio = wide(1.05, 0.02);
    }
    assert!(exceeds(&outcome));
    // A narrow interval within the noise floor is noise.
    outcome.subjects[0].eevdf.throughput_ratio = wide(1.0, 0.02);
    outcome.comparisons[2].throughput_ratio = wide(1.005, 0.004);
    assert!(!exceeds(&outcome));
}

#[test]
fn two_trials_of_one_stage_do_not_share_files() {
    let (_, written, _dir) = report(&[profile(), profile()]);
    let mut distinct = written.clone();
    distinct.dedup();
    assert_eq!((written.len(), distinct.len()), (5, 5));
    assert!(written[2]
        .to_str()
        .unwrap()
        .ends_with("profile-2-throughput.svg"));
}

#[test]
fn breakdown_is_over_the_policy_that_was_best() {
    let mut two = breakdown(2);
    let subject = &mut two.subjects[0];
    for row in &mut subject.rows {
        row.throughput_ratio = match &*row.label {
            "rusty" => wide(1.033, 0.015),
            "round-robin @ 20ms" => wide(1.05, 0.015),
            _ => wide(0.9, 0.015),
        };
    }
    let text = text_of(&report(&[two]).0);
    // (1.05 ± 0.015) ÷ (1.033 ± 0.015)
    let row = "+5.0 % +3.5 to +6.5 % | better | rusty | +1.6 % −1.2 to +4.6 %";
    assert!(text.contains(row), "{text}");
}

#[test]
fn whether_both_optima_coincide_is_said() {
    let mut tuned = tune();
    let text = |tuned: &Outcome| text_of(&report(std::slice::from_ref(tuned)).0);
    let same = "By throughput and by latency tune picks the same: delta-benefit-gain @ 100ms.";
    for row in &mut tuned.subjects[0].rows {
        let of = |label: &str| if row.label == label { 1.1 } else { 1.0 };
        row.throughput_ratio = wide(of("delta-benefit-gain @ 100ms"), 0.01);
        row.latency_ratio = Some(wide(1.0 / of("delta-benefit-gain @ 100ms"), 0.01));
    }
    assert!(text(&tuned).contains(same));
    let mut rows = tuned.subjects[0].rows.iter_mut();
    let fastest = rows.find(|row| row.label == "delta @ 20ms").unwrap();
    fastest.latency_ratio = Some(wide(0.5, 0.01));
    assert!(text(&tuned)
        .contains("by throughput tune picks delta-benefit-gain @ 100ms, by latency delta @ 20ms"));
}

#[test]
fn an_equal_rotation_has_its_place_among_the_base_slices() {
    let mut tuned = tune();
    let row = &mut tuned.subjects[0].rows[4];
    row.role = Some(Role::EqualRotation);
    let (page, ..) = report(&[tuned]);
    assert!(page.contains("\nequal rotation\n"));
}

#[test]
fn every_colour_of_a_figure_has_one_for_dark_screens() {
    let style = include_str!("style.css");
    for color in figure::PALETTE {
        let hex = format!("\"#{:02X}{:02X}{:02X}\"", color.0, color.1, color.2);
        assert!(style.contains(&hex), "{hex}");
    }
}

#[test]
fn files_are_read_and_what_is_no_outcome_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("profile.json");
    profile().write(&file).unwrap();
    let out = dir.path().join("out");
    let mut args = Args {
        files: vec![file],
        out: out.clone(),
    };
    run(&args).unwrap();
    assert!(out.join(PAGE).is_file());
    args.files.push(out.join(PAGE));
    let error = format!("{:#}", run(&args).unwrap_err());
    assert!(
        error.contains("report.html: not what a trial came to"),
        "{error}"
    );
    assert!(write(&[], &out.join(PAGE)).is_err());
}
