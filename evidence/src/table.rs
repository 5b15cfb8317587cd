// SPDX-License-Identifier: GPL-2.0-only
//! Tables for a terminal, and numbers as people read them.

use comfy_table::{presets, CellAlignment, ContentArrangement};

/// Above this, a ratio is said as "to 1" and its decimals mean nothing.
const LARGE_RATIO: f64 = 100.0;

/// A head, and how its cell is written.
pub type Column<'a, T> = (&'a str, fn(&T) -> String);

/// A table, for a terminal or as Markdown. The first column is text and stands left, all others are
/// numbers and stand right.
pub struct Table {
    /// The first are the heads.
    lines: Vec<Vec<String>>,
}

impl Table {
    pub fn new<'a>(heads: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            lines: vec![heads.into_iter().map(str::to_owned).collect()],
        }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) -> &mut Self {
        self.lines.push(cells.into_iter().collect());
        self
    }

    /// One line for each thing.
    pub fn list<T, const N: usize>(
        things: impl IntoIterator<Item = T>,
        columns: [Column<T>; N],
    ) -> Self {
        let mut table = Self::new(columns.map(|(head, _)| head));
        for thing in things {
            table.row(columns.map(|(_, show)| show(&thing)));
        }
        table
    }

    /// Markdown whose columns stand below each other.
    pub fn aligned(&self) -> String {
        let columns = self.lines[0].len();
        let width = |column: usize| {
            let cells = self.lines.iter().map(|line| line[column].chars().count());
            cells.max().unwrap_or_default().max(3)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |cells: &Vec<String>| {
            let cells = cells.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, &width))| match column {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
        };
        let rule = widths.iter().enumerate();
        let rule = rule.map(|(column, &width)| match column {
            0 => "-".repeat(width),
            _ => format!("{}:", "-".repeat(width - 1)),
        });
        let mut lines: Vec<String> = self.lines.iter().map(line).collect();
        lines.insert(1, line(&rule.collect()));
        lines.join("\n")
    }

    /// Markdown with nothing but what it needs; each line has its end.
    pub fn markdown(&self) -> String {
        let cell = |cell: &String| match cell.is_empty() {
            true => " |".to_owned(),
            false => format!(" {cell} |"),
        };
        let line =
            |cells: &Vec<String>| format!("|{}\n", cells.iter().map(cell).collect::<String>());
        let mut lines: Vec<String> = self.lines.iter().map(line).collect();
        lines.insert(
            1,
            format!("|---|{}\n", "---:|".repeat(self.lines[0].len() - 1)),
        );
        lines.concat()
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let mut table = comfy_table::Table::new();
        table
            .load_preset(presets::UTF8_HORIZONTAL_ONLY)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(&self.lines[0]);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table.add_rows(&self.lines[1..]);
        table.trim_fmt().fmt(f)
    }
}

/// A time in the unit that fits it, to three digits: `930 ns`, `1.25 ms`.
pub fn time_ns(ns: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    // 999.6 ns would be shown as 1000 ns.
    let unit = units.iter().find(|(size, _)| ns.abs() >= size * 0.9995);
    match unit {
        Some((size, unit)) => format!("{} {unit}", three_digits(ns / size)),
        None => format!("{} ns", three_digits(ns)),
    }
}

/// As [`time_ns`], without digits that say nothing: `10 µs`, `2.5 ms`, `0`. For the ticks of an
/// axis.
pub fn brief_time_ns(ns: f64) -> String {
    if ns == 0.0 {
        return "0".into();
    }
    let text = time_ns(ns);
    let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    format!("{number} {unit}")
}

/// `123,456 : 1`, or `1.07` for what is near 1.
pub fn ratio(ratio: f64) -> String {
    if ratio >= LARGE_RATIO {
        return format!("{} : 1", count(ratio.round() as u64));
    }
    format!("{ratio:.2}")
}

/// `1,234,567`
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12.5 %`
pub fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

fn three_digits(number: f64) -> String {
    match number.abs() {
        // One picks what 9.995 and 99.95 round to.
        size if size < 9.995 => format!("{number:.2}"),
        size if size < 99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_and_a_fitting_unit() {
        let shown = [
            0.0, 0.5, 930.0, 999.6, 1000.0, 12_340.0, 99_960.0, 1.25e6, 133e6, 61e9,
        ];
        let shown = shown.map(time_ns);
        assert_eq!(
            shown,
            [
                "0.00 ns", "0.50 ns", "930 ns", "1.00 µs", "1.00 µs", "12.3 µs", "100 µs",
                "1.25 ms", "133 ms", "61.0 s"
            ]
        );
        assert_eq!(time_ns(-2500.0), "-2.50 µs");
        let brief = [0.0, 100.0, 1e4, 2.5e6, 1e11].map(brief_time_ns);
        assert_eq!(brief, ["0", "100 ns", "10 µs", "2.5 ms", "100 s"]);
    }

    #[test]
    fn large_ratios_are_grouped_and_small_ones_keep_decimals() {
        assert_eq!(ratio(123_456.4), "123,456 : 1");
        assert_eq!(ratio(1.066), "1.07");
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(percent(0.1249), "12.5 %");
    }

    #[test]
    fn numbers_stand_right_under_their_heads() {
        let mut table = Table::new(["policy", "flip"]);
        table.row(["fifo".into(), "930 ns".into()]);
        table.row(["central".into(), "1.20 µs".into()]);
        let text = table.to_string();
        assert!(text.contains(" fifo       930 ns"), "{text}");
        assert!(text.contains(" central   1.20 µs"), "{text}");
    }

    #[test]
    fn markdown_is_aligned_or_short() {
        let mut table = Table::new(["", "a", "b"]);
        table.row(["fifo".into(), "10 µs".into(), String::new()]);
        assert_eq!(
            table.aligned(),
            "|      |     a |   b |\n| ---- | ----: | --: |\n| fifo | 10 µs |     |"
        );
        assert_eq!(
            table.markdown(),
            "| | a | b |\n|---|---:|---:|\n| fifo | 10 µs | |\n"
        );
    }
}
