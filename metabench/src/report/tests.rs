// SPDX-License-Identifier: GPL-2.0-only
//! The report of made-up outcomes.

use std::fs;
use std::path::PathBuf;

use evidence::figure;
use evidence::figure::layout::check_layout;

use super::sample::{breakdown, compare, messaging, outcome, pipeline, profile, tune, wide};
use super::*;
use crate::trial::record::{Role, Stage};

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

fn text_of(page: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    let (_, body) = page.split_once("<body>").unwrap();
    for c in body.chars() {
        match c {
            '<' => {
                inside = true;
                text.push(' ');
            }
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_whole_pipeline_is_one_page_with_all_its_figures() {
    let mut outcomes = pipeline();
    outcomes.push(messaging());
    let (page, written, dir) = report(&outcomes);
    check_page(&page);
    let names: Vec<_> = written
        .iter()
        .map(|path| path.strip_prefix(dir.path()).unwrap().to_str().unwrap())
        .map(|name| name.trim_start_matches("rag------questions--"))
        .collect();
    assert_eq!(
        names,
        [
            "profile-throughput.svg",
            "profile-latency.svg",
            "tune-throughput.svg",
            "tune-latency.svg",
            "compare-asked-throughput.svg",
            "compare-asked-latency.svg",
            "compare-throughput.svg",
            "compare-latency.svg",
            "compare-shrinkage.svg",
            "breakdown-throughput.svg",
            "breakdown-latency.svg",
            "breakdown-best.svg",
            "messaging-try-throughput.svg",
            "report.html",
        ]
    );
    for file in written
        .iter()
        .filter(|path| path.extension().unwrap() == "svg")
    {
        let svg = fs::read_to_string(file).unwrap();
        check_layout(&svg);
        assert!(svg.contains("Linux 6.18.15"), "{}", file.display());
    }
    assert_eq!(page.matches("<svg ").count(), written.len() - 1);
    if let Some(keep) = std::env::var_os("REPORT_DIR").map(PathBuf::from) {
        write(&outcomes, &keep.join(PAGE)).unwrap();
        for (outcome, number) in outcomes.iter().zip(0..) {
            outcome.write(&keep.join(format!("{number}.json"))).unwrap();
        }
    }
}

#[test]
fn names_are_escaped_everywhere() {
    let (page, ..) = report(&[profile()]);
    check_page(&page);
    assert!(page.contains("rag &lt;&amp;&gt;") && !page.contains("rag <&>"));
    assert!(page.contains("?a=&lt;b&gt;&amp;c"));
}

#[test]
fn emulation_the_noise_floor_and_n_come_before_every_figure() {
    let (page, ..) = report(&pipeline());
    let first = page.find("<svg ").unwrap();
    for said in [
        "Emulated",
        "Software played the processor",
        "Linux 6.18.15+deb13-cloud-amd64, 2 CPUs",
        "nest cannot show",
        "noise floor",
        "+0.2 % (−1.0 to +1.4 %)",
        "Verdict",
    ] {
        let at = page.find(said).unwrap_or_else(|| panic!("{said}"));
        assert!(at < first, "{said}");
    }
    let (real, ..) = report(&[messaging()]);
    assert!(!real.contains("Software played"));
}

#[test]
fn the_verdict_is_comparess_and_never_tunes() {
    let (page, ..) = report(&pipeline());
    let text = text_of(&page);
    for said in [
        "EEVDF yes +3.4 % (+2.0 to +4.8 %)",
        "the best policy, fifo inside the noise +0.3 %",
        "weights swapped inside the noise +1.3 %",
        "weights swapped no, worse +14.0 %",
        "by throughput there is no synergy to claim",
        "switching by itself: fifo by turns with fifo against fifo held",
        "−2.4 points",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let (tuned, ..) = report(&[tune()]);
    let text = text_of(&tuned);
    let verdict = &text[text.find("Verdict").unwrap()..text.find("Strategy by").unwrap()];
    assert!(
        verdict.contains("Nothing is claimed of tune's best"),
        "{verdict}"
    );
    assert!(!verdict.contains('%'), "{verdict}");
}

#[test]
fn synergy_is_said_only_of_what_exceeds_everything() {
    let mut outcome = compare();
    for comparison in &mut outcome.comparisons {
        comparison.throughput_ratio = wide(1.05, 0.02);
    }
    let (page, ..) = report(&[outcome.clone()]);
    assert!(text_of(&page).contains("So by throughput it exceeds all of them"));
    // A narrow interval within the noise floor is noise.
    outcome.comparisons[3].throughput_ratio = wide(1.005, 0.004);
    let (page, ..) = report(&[outcome]);
    assert!(!text_of(&page).contains("So by throughput it exceeds"));
}

#[test]
fn wins_losses_and_noise_have_an_answer_each() {
    let (page, ..) = report(&[profile()]);
    let text = text_of(&page);
    for said in [
        "fifo yes +3.3 % (+1.8 to +4.8 %)",
        "central no, worse −9.5 %",
        "rustland inside the noise −0.1 %",
        "of 8 rows, one in twenty may stand out by chance",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn what_is_cut_short_is_said_so() {
    let mut cut = outcome(Stage::Profile, vec![]);
    cut.partial = true;
    let (page, written, _dir) = report(&[cut]);
    check_page(&page);
    assert_eq!(written.len(), 1);
    let text = text_of(&page);
    assert!(text.contains("no super-block is complete") && text.contains("Cut short: profile"));
}

#[test]
fn missing_latencies_leave_throughput_alone() {
    let (page, written, _dir) = report(&[messaging()]);
    check_page(&page);
    assert_eq!(written.len(), 2);
    let text = text_of(&page);
    assert!(!text.contains("latency against"), "{text}");
    assert!(
        text.contains("nest yes × 3.4") && text.contains("fifo no, worse × 0.31"),
        "{text}"
    );
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
    let (page, ..) = report(&[breakdown(2, 0.04), breakdown(1, 0.05)]);
    let text = text_of(&page);
    // (1.05 ± 0.015) ÷ (1.033 ± 0.015)
    for said in [
        "1 round-robin @ 20ms +5.0 % +3.5 to +6.5 % better fifo +1.6 % −1.2 to +4.6 %",
        "With 1 application at once, what beats EEVDF by throughput? round-robin @ 20ms yes +5.0 %",
        "With 2 applications at once, what beats",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn whether_both_optima_coincide_is_said() {
    let mut tuned = tune();
    let (page, ..) = report(&[tuned.clone()]);
    let same = "By throughput and by latency tune picks the same: delta-benefit-gain @ 20ms.";
    assert!(text_of(&page).contains(same));
    let rows = &mut tuned.subjects[0].rows;
    let fastest = rows
        .iter_mut()
        .find(|row| row.label == "delta @ 1ms")
        .unwrap();
    fastest.latency_ratio = Some(wide(0.5, 0.01));
    let (page, ..) = report(&[tuned]);
    assert!(text_of(&page)
        .contains("by throughput tune picks delta-benefit-gain @ 20ms, by latency delta @ 1ms"));
}

#[test]
fn an_equal_rotation_has_its_place_among_the_base_slices() {
    let mut tuned = tune();
    let row = &mut tuned.subjects[0].rows[8];
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
