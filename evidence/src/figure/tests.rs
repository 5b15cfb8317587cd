// SPDX-License-Identifier: GPL-2.0-only
//! Each label of a figure has room, and a figure made twice is the same.

use super::layout::{boxes, check_layout};
use super::ruler::{Axis, Scale};
use super::*;
use crate::files::write_all;
use crate::sample::Interval;
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
        x: Axis::log("tasks, mostly asleep", |tasks| table::count(tasks as u64)),
        y: Axis::linear("one flip", table::brief_time_ns),
        series: vec![series("fifo → vtime", 1.0), series("central → nest", 1.6)],
        limit: Some((1200.0, "limit: 1.2 × the first")),
    }
}

const NOTE: &str = "Interleaved in one boot, medians with 95 % bootstrap intervals. Linux \
                    6.18.15, 2 CPUs, emulated, reproducible mode: time counts instructions.";

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

fn percent(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

/// A ratio and its interval.
fn ratio(estimate: f64, half: f64) -> Interval {
    Interval {
        estimate,
        low: estimate - half,
        high: estimate + half,
    }
}

fn dots(values: &[(&str, f64, Standing)]) -> Dots<'static> {
    let group = |name: &str| Group {
        name: name.into(),
        band: Some(ratio(1.0, 0.02)),
        dots: values
            .iter()
            .map(|(label, value, standing)| Dot {
                label: (*label).into(),
                value: ratio(*value, 0.03),
                shown: percent(*value),
                standing: *standing,
            })
            .collect(),
    };
    Dots {
        title: "Throughput of each part & the whole, <relative> to EEVDF",
        axis: Axis::linear("throughput against EEVDF, more is better →", percent),
        one: "EEVDF",
        groups: vec![
            group("frontend"),
            group("a backend of some long name, whole"),
        ],
        key: vec![(Standing::Better, "better"), (Standing::Worse, "worse")],
        band: "EEVDF against itself (noise floor)",
    }
}

fn steps(runs: usize) -> Steps<'static> {
    let mut all: Vec<_> = (0..runs)
        .map(|i| Run {
            name: format!("strategy {i} = its other name"),
            look: Look::Own(i),
            points: (1..6)
                .map(|step| (step, ratio(1.0 + 0.01 * (step + i) as f64, 0.02)))
                .collect(),
        })
        .collect();
    all.extend((0..runs).map(|i| Run {
        name: format!("policy{i}"),
        look: Look::Level,
        points: vec![(0, ratio(0.99 + 0.001 * i as f64, 0.02))],
    }));
    Steps {
        title: "Strategy by base slice",
        x: "base timeslice t_b, in steps that are not to scale",
        steps: ["held", "1 ms", "20 ms", "100 ms", "450 ms", "1.8 s"]
            .map(str::to_owned)
            .to_vec(),
        y: Axis::linear("throughput against EEVDF", percent),
        one: "EEVDF",
        band: Some((ratio(1.0, 0.01), "EEVDF against itself (noise floor)")),
        runs: all,
    }
}

fn number_of(node: roxmltree::Node, name: &str) -> i32 {
    node.attribute(name).unwrap().parse().unwrap()
}

#[test]
fn labels_of_dots_do_not_overlap() {
    let standings = [Standing::Floor, Standing::Better, Standing::Worse];
    let long = "delta-benefit-gain = benefit-gain, 1.8 s, replacing processes";
    let values = ["EEVDF again", "fifo", long]
        .into_iter()
        .zip([1.0, 1.12, 0.86]);
    let values: Vec<_> = values
        .zip(standings)
        .map(|((label, value), standing)| (label, value, standing))
        .collect();
    let svg = dots(&values).svg(NOTE).unwrap();
    check_layout(&svg);
    assert!(boxes(&svg).iter().any(|(text, _)| text == "-14.0 %"));
    let mut log = dots(&values);
    log.axis.scale = Scale::Log;
    check_layout(&log.svg(NOTE).unwrap());
    check_layout(&dots(&values[..1]).svg("").unwrap());
}

#[test]
fn labels_of_steps_do_not_overlap() {
    for runs in [1, 2, 6, 8] {
        check_layout(&steps(runs).svg(NOTE).unwrap());
    }
}

#[test]
fn marks_of_one_step_stand_side_by_side() {
    let svg = steps(6).svg("").unwrap();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let whiskers: Vec<_> = document
        .descendants()
        .filter(|node| node.has_tag_name("polyline"))
        .filter(|node| number_of(*node, "stroke-width") == 2)
        .filter_map(|node| {
            let points: Vec<_> = node
                .attribute("points")
                .unwrap()
                .split_whitespace()
                .collect();
            (points.len() == 2).then(|| points[0].split_once(',').unwrap().0.to_owned())
        })
        .collect();
    let distinct: std::collections::BTreeSet<_> = whiskers.iter().collect();
    assert_eq!((whiskers.len(), distinct.len()), (36, 36));
}

#[test]
fn wins_and_losses_weigh_the_same() {
    let values = [("a", 1.1, Standing::Better), ("b", 0.9, Standing::Worse)];
    let svg = dots(&values).svg("").unwrap();
    let whiskers = |color: &str| {
        let strokes = format!(r##"stroke="{color}" stroke-width="2""##);
        svg.matches(&strokes).count()
    };
    // Two groups: each has a whisker and an outline; and the key an outline.
    assert_eq!((whiskers("#0072B2"), whiskers("#D55E00")), (5, 5));
}

#[test]
fn a_ratio_that_is_no_number_names_the_figure() {
    let error = dots(&[("a", f64::NAN, Standing::Unclear)]).svg("");
    let error = format!("{:#}", error.unwrap_err());
    assert!(error.contains("Throughput of each part"), "{error}");
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
    let error = bars(Scale::Log, &[("a", 0.0)]).file("switch.svg", "");
    let error = format!("{:#}", error.unwrap_err());
    assert!(
        error.contains("switch.svg") && error.contains("What a switch"),
        "{error}"
    );
    assert!(error.contains("cannot show 0"), "{error}");
}

#[test]
fn figures_are_the_same_each_time() {
    let times = [
        ("scx_rusty: start, until it is in charge", 1.2e9),
        ("scx_rusty: stop", 240e6),
        ("preloaded: detach, attach", 31e6),
        ("scx_meta: flip", 930.0),
    ];
    let values = [
        ("EEVDF again", 1.003, Standing::Floor),
        ("fifo", 1.09, Standing::Better),
        ("vtime", 0.99, Standing::Unclear),
        ("nest", 0.93, Standing::Worse),
    ];
    let make = || {
        let bars = bars(Scale::Log, &times).file("bars.svg", NOTE).unwrap();
        let lines = lines().file("lines.svg", NOTE).unwrap();
        let dots = ("dots.svg".to_owned(), dots(&values).svg(NOTE).unwrap());
        let steps = ("steps.svg".to_owned(), steps(6).svg(NOTE).unwrap());
        [bars, lines, dots, steps]
    };
    let files = make();
    assert_eq!(files, make());
    if let Some(folder) = std::env::var_os("FIGURES_DIR") {
        write_all(folder.as_ref(), &files).unwrap();
    }
}
