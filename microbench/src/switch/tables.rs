// SPDX-License-Identifier: GPL-2.0-only
//! The tables of `bench switch`.

use evidence::sample::Interval;
use evidence::table;
use evidence::table::{time_ns, Table};

use super::details;
use super::details::{Details, FlipRow};
use super::report::Report;
use super::windows::{Against, Comparison, Direction};

/// All tables, headlines last.
pub fn print(report: &Report) {
    let details = &report.details;
    println!("{}", report.provenance);
    println!("Replacement: from signal and spawn, without the bench's own pause\n");
    println!("{}\n", replacements(details));
    println!("Flips: cost, and from the decision until tasks of the new policy run\n");
    println!("{}\n", flips(details));
    println!("How many times longer a replacement takes\n");
    println!("{}\n", ratios(details));
    println!("What the kernel counted while scx_meta ran, from load to stop\n");
    println!("{}\n", counted(details));
    println!("Lateness of a wake-up within 20 ms after a flip, and otherwise\n");
    println!("{}\n", probes(details));
    println!("Headlines\n");
    println!("{}", headlines(report));
}

/// A rotation in words.
pub fn flips_of(row: &FlipRow) -> String {
    let case = &row.case;
    let turns = match case.turn_us {
        0 => "decided by user space".into(),
        turn_us => format!("turns of {} ms", turn_us / 1000),
    };
    format!(
        "{}, {}, {}, {turns}",
        case.policies.join("+"),
        case.handover,
        case.load.name()
    )
}

fn flips_to(direction: &Direction) -> String {
    match direction {
        Direction::All => "all flips".into(),
        Direction::To(policy) => format!("flips to {policy}"),
    }
}

fn between(interval: Interval, show: fn(f64) -> String) -> String {
    format!("{} .. {}", show(interval.low), show(interval.high))
}

/// Medians of the parts side by side; all of each is in the JSON file.
fn replacements(details: &Details) -> Table {
    let parts = details::REPLACEMENT_PARTS;
    let heads = ["replaced", "load", "n", "95 % of whole"];
    let tail = ["bypasses", "enable_seq"];
    let mut table = Table::new(heads.into_iter().chain(parts).chain(tail));
    for row in &details.replacements {
        let find = |name: &str| row.parts.iter().find(|part| part.0 == name);
        let median = |name: &&str| {
            let part = find(name).map(|part| time_ns(part.1.median.estimate));
            part.unwrap_or_else(|| "-".into())
        };
        let whole = find(details::WHOLE).map(|part| &part.1);
        let bypasses = row.bypasses.map(|count| format!("+{count:.1}"));
        let mut cells = vec![
            format!("{} ({})", row.sort, row.who),
            row.load.name().into(),
            whole.map_or("-".into(), |whole| table::count(whole.all.n as u64)),
            whole.map_or("-".into(), |whole| between(whole.median, time_ns)),
        ];
        cells.extend(parts.iter().map(median));
        cells.push(bypasses.unwrap_or_else(|| "-".into()));
        cells.push(format!("+{:.1}", row.enable_seq));
        table.row(cells);
    }
    table
}

fn flips(details: &Details) -> Table {
    let mut table = Table::new([
        "flips",
        "part",
        "n",
        "median",
        "95 % interval",
        "p90",
        "p99",
        "not in its turn",
    ]);
    for row in &details.flips {
        for (part, estimate) in &row.parts {
            table.row([
                flips_of(row),
                (*part).into(),
                table::count(estimate.all.n as u64),
                time_ns(estimate.median.estimate),
                between(estimate.median, time_ns),
                time_ns(estimate.all.p90),
                time_ns(estimate.all.p99),
                table::percent(estimate.lower_bounds as f64 / estimate.all.n as f64),
            ]);
        }
    }
    table
}

fn ratios(details: &Details) -> Table {
    let mut table = Table::new([
        "ratio",
        "of",
        "to a flip by",
        "hand-over",
        "load",
        "median ratio",
        "95 % interval",
    ]);
    for row in &details.ratios {
        table.row([
            row.what.into(),
            row.against.into(),
            row.decided_by.into(),
            row.handover.clone(),
            row.load.name().into(),
            table::ratio(row.ratio.estimate),
            between(row.ratio, table::ratio),
        ]);
    }
    table
}

fn counted(details: &Details) -> Table {
    let mut table = Table::new(["rotation", "flips", "bypasses", "enable_seq"]);
    for row in &details.counted {
        let bypasses = row.counted.bypasses.map(|count| format!("+{count}"));
        table.row([
            format!(
                "{}, {}, {}, turns of {} ms",
                row.case.policies.join("+"),
                row.case.handover,
                row.case.load.name(),
                row.case.turn_us / 1000
            ),
            table::count(row.flips as u64),
            bypasses.unwrap_or_else(|| "unknown".into()),
            format!("+{}", row.counted.enable_seq),
        ]);
    }
    table
}

fn probes(details: &Details) -> Table {
    let mut table = Table::new([
        "probe",
        "busy",
        "direction",
        "against",
        "n after",
        "n rest",
        "p50 after",
        "p50 rest",
        "p99 after",
        "p99 rest",
        "p50 ratio",
        "p99 ratio",
        "95 % interval",
    ]);
    for row in &details.probes {
        let shown = |c: &&Comparison| !row.is_control() || c.direction == Direction::All;
        for c in row.comparisons.iter().filter(shown) {
            let against = match c.against {
                Against::Rest => "rest",
                Against::SamePolicy => "rest of its turns",
            };
            table.row([
                row.name(),
                table::percent(row.busy),
                flips_to(&c.direction),
                against.into(),
                table::count(c.near.n as u64),
                table::count(c.rest.n as u64),
                time_ns(c.near.median),
                time_ns(c.rest.median),
                time_ns(c.near.p99),
                time_ns(c.rest.p99),
                table::ratio(c.ratio_p50.estimate),
                table::ratio(c.ratio_p99.estimate),
                between(c.ratio_p99, table::ratio),
            ]);
        }
    }
    table
}

fn headlines(report: &Report) -> Table {
    let mut table = Table::new(["headline", "value"]);
    let ms = |ms: f64| time_ns(ms * 1e6);
    let bypasses = report.bypass_activations;
    for (name, value) in [
        ("replacement_ms_median", ms(report.replacement_ms_median)),
        ("preloaded_ms_median", ms(report.preloaded_ms_median)),
        ("flip_ns_median", time_ns(report.flip_ns_median)),
        ("ratio_mechanism", table::ratio(report.ratio_mechanism)),
        ("ratio_effect", table::ratio(report.ratio_effect)),
        ("ratio_adoption", table::ratio(report.ratio_adoption)),
        (
            "bypass_activations",
            bypasses.map_or("unknown".into(), table::count),
        ),
        (
            "probe_p99_ratio_upper",
            format!("{:.3}", report.probe_p99_ratio_upper),
        ),
    ] {
        table.row([name.into(), value]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::figures::tests::a_report;

    #[test]
    fn tables_name_load_n_and_interval() {
        let report = a_report();
        let text = replacements(&report.details).to_string();
        let mut lines = text.lines();
        let row =
            lines.find(|line| line.contains("scx_meta (a <-> b)") && line.contains("saturated"));
        let row = row.unwrap();
        assert!(row.contains(" 3     2.00 s .. 2.00 s "), "{row}");
        let text = probes(&report.details).to_string();
        assert!(
            text.contains("flips to vtime") && text.contains("1.50"),
            "{text}"
        );
        assert!(headlines(&report).to_string().contains("100,000,000 : 1"));
    }
}
