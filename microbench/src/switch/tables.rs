// SPDX-License-Identifier: GPL-2.0-only
//! The tables of `bench switch`.

use evidence::sample::Interval;
use evidence::spec::{range, Unit, NS};
use evidence::table::{self, time_ns, Table};

use super::costs::Costs;
use super::details::Details;
use super::report::Report;
use super::samples::{REPLACEMENT_PARTS, WHOLE};
use super::windows::{Against, Direction};

/// `123,456 : 1`
const TO_ONE: Unit = Unit::of(table::ratio);

/// All tables, headlines last.
pub(crate) fn print(report: &Report) {
    let details = &report.details;
    println!("{}", report.provenance);
    for (title, table) in [
        (
            "Replacement: from signal and spawn, without the bench's own pause",
            replacements(details),
        ),
        (
            "Flips: cost, and from the decision until tasks of the new policy run",
            flips(&report.costs),
        ),
        ("How many times longer a replacement takes", ratios(details)),
        (
            "What the kernel counted while scx_meta ran, from load to stop",
            counted(details),
        ),
        (
            "Lateness of a wake-up within 20 ms after a flip, and otherwise",
            probes(details),
        ),
    ] {
        println!("{title}\n\n{table}\n");
    }
    println!("Headlines\n\n{}", headlines(report));
}

fn between(interval: Interval, unit: Unit) -> String {
    range(interval, unit, " .. ")
}

/// Medians of the parts side by side; all of each is in the JSON file.
fn replacements(details: &Details) -> Table {
    let parts = REPLACEMENT_PARTS.map(|(name, _)| name);
    let heads = ["replaced", "load", "n", "95 % of whole"];
    let tail = ["bypasses", "enable_seq"];
    let mut table = Table::new(heads.into_iter().chain(parts).chain(tail));
    for row in &details.replacements {
        let median = |name: &&str| {
            let part = row.part(name);
            part.map_or("-".into(), |part| time_ns(part.median.estimate))
        };
        let whole = row.part(WHOLE);
        let bypasses = row.bypasses.map(|count| format!("+{count:.1}"));
        let mut cells = vec![
            format!("{} ({})", row.sort, row.who),
            row.load.clone(),
            whole.map_or("-".into(), |whole| table::count(whole.all.n as u64)),
            whole.map_or("-".into(), |whole| between(whole.median, NS)),
        ];
        cells.extend(parts.iter().map(median));
        cells.push(bypasses.unwrap_or_else(|| "-".into()));
        cells.push(format!("+{:.1}", row.enable_seq));
        table.row(cells);
    }
    table
}

fn flips(costs: &Costs) -> Table {
    Table::list(
        costs.rotations().into_iter().flat_map(|rows| rows.0),
        [
            ("flips", |row| row.key("rotation").into()),
            ("part", |row| row.key("part").into()),
            ("n", |row| table::count(row.all.n as u64)),
            ("median", |row| row.show()),
            ("95 % interval", |row| row.range(" .. ")),
            ("p90", |row| time_ns(row.all.p90)),
            ("p99", |row| time_ns(row.all.p99)),
            ("not in its turn", |row| {
                table::percent(row.lower_bounds as f64 / row.all.n as f64)
            }),
        ],
    )
}

fn ratios(details: &Details) -> Table {
    Table::list(
        &details.ratios,
        [
            ("ratio", |row| row.what.into()),
            ("of", |row| row.against.into()),
            ("to a flip by", |row| row.decided_by.into()),
            ("hand-over", |row| row.handover.into()),
            ("load", |row| row.load.name().into()),
            ("median ratio", |row| table::ratio(row.ratio.estimate)),
            ("95 % interval", |row| between(row.ratio, TO_ONE)),
        ],
    )
}

fn counted(details: &Details) -> Table {
    Table::list(
        &details.counted,
        [
            ("rotation", |row| row.name()),
            ("flips", |row| table::count(row.flips as u64)),
            ("bypasses", |row| {
                let bypasses = row.counted.bypasses.map(|count| format!("+{count}"));
                bypasses.unwrap_or_else(|| "unknown".into())
            }),
            ("enable_seq", |row| format!("+{}", row.counted.enable_seq)),
        ],
    )
}

fn probes(details: &Details) -> Table {
    let shown = details.probes.iter().flat_map(|row| {
        let all = row.comparisons.iter().map(move |c| (row, c));
        all.filter(|(row, c)| !row.is_control() || c.direction == Direction::All)
    });
    Table::list(
        shown,
        [
            ("probe", |(row, _)| row.name()),
            ("busy", |(row, _)| table::percent(row.busy)),
            ("direction", |(_, c)| c.direction.name()),
            ("against", |(_, c)| match c.against {
                Against::Rest => "rest".into(),
                Against::SamePolicy => "rest of its turns".into(),
            }),
            ("n after", |(_, c)| table::count(c.near.n as u64)),
            ("n rest", |(_, c)| table::count(c.rest.n as u64)),
            ("p50 after", |(_, c)| time_ns(c.near.median)),
            ("p50 rest", |(_, c)| time_ns(c.rest.median)),
            ("p99 after", |(_, c)| time_ns(c.near.p99)),
            ("p99 rest", |(_, c)| time_ns(c.rest.p99)),
            ("p50 ratio", |(_, c)| table::ratio(c.ratio_p50.estimate)),
            ("p99 ratio", |(_, c)| table::ratio(c.ratio_p99.estimate)),
            ("95 % interval", |(_, c)| between(c.ratio_p99, TO_ONE)),
        ],
    )
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
    use crate::switch::report::tests::a_report;

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
