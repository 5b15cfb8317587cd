// SPDX-License-Identifier: GPL-2.0-only
//! A table, described once and shown by a terminal and on the page. Where both are given, the
//! terminal's comes first.

use std::iter;

use evidence::sample::Interval;
use evidence::table::{self, time_ns};
use maud::{html, Markup, Render};

use super::words;
use crate::estimate::Verdict;

const NS_PER_MS: f64 = 1e6;

/// Said of what is not there.
const NONE: &str = "-";
const NONE_ON_PAGE: &str = "–";

/// Of a terminal, where an interval has a column of its own.
const INTERVAL_95: &str = "95 % interval";

/// A cell, ready for both.
pub(crate) struct Cell {
    /// As many as its column has heads there.
    terminal: Vec<String>,
    page: Markup,
}

impl Cell {
    pub(crate) fn of(terminal: impl Into<String>, page: impl Render) -> Self {
        Self {
            terminal: vec![terminal.into()],
            page: page.render(),
        }
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::of(text.clone(), text)
    }

    pub(crate) fn count(count: u64) -> Self {
        Self::text(table::count(count))
    }

    pub(crate) fn milliseconds(ms: Option<Interval>) -> Self {
        ms.map_or_else(Self::none, |ms| {
            Self::text(time_ns(ms.estimate * NS_PER_MS))
        })
    }

    /// The ratio and its interval.
    pub(crate) fn ratio(ratio: Option<Interval>) -> Self {
        let terminal = match ratio {
            Some(ratio) => vec![words::ratio(ratio.estimate), words::bounds(ratio)],
            None => vec![NONE.into(), NONE.into()],
        };
        Self {
            terminal,
            page: ratio_on_page(ratio),
        }
    }

    /// Both in one column, where there are many.
    pub(crate) fn brief_ratio(ratio: Option<Interval>) -> Self {
        let terminal =
            ratio.map(|r| format!("{} ({})", words::ratio(r.estimate), words::bounds(r)));
        Self::of(
            terminal.unwrap_or_else(|| NONE.into()),
            ratio_on_page(ratio),
        )
    }

    pub(crate) fn verdict(verdict: Option<Verdict>) -> Self {
        verdict.map_or_else(Self::none, |verdict| {
            let word = verdict.to_string();
            let page = html! { span.badge.(class(verdict)) { (word) } };
            Self::of(word, page)
        })
    }

    fn none() -> Self {
        Self::of(NONE, NONE_ON_PAGE)
    }
}

fn ratio_on_page(ratio: Option<Interval>) -> Markup {
    match ratio {
        Some(ratio) => html! {
            (words::change(ratio.estimate)) " " small { (words::between(ratio)) }
        },
        None => html! { (NONE_ON_PAGE) },
    }
}

/// Of the style sheet.
pub(crate) fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::InsideNoise => "noise",
    }
}

/// How the page shows a column; a terminal shows its first to the left, all others to the right.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Label,
    Text,
    Number,
}

/// The head of a column.
pub(crate) struct Head {
    terminal: Vec<String>,
    /// None where a terminal alone has the column.
    page: Option<String>,
    kind: Kind,
}

impl Head {
    fn new(terminal: &[&str], page: &str, kind: Kind) -> Self {
        Self {
            terminal: terminal.iter().map(|&head| head.into()).collect(),
            page: Some(page.into()),
            kind,
        }
    }

    /// Of the names of rows.
    pub(crate) fn label(page: &str) -> Self {
        Self::new(&[""], page, Kind::Label)
    }

    /// A terminal says what words are about by the columns before them.
    pub(crate) fn text(page: &str) -> Self {
        Self::new(&[""], page, Kind::Text)
    }

    pub(crate) fn number(both: &str) -> Self {
        Self::number_as(both, both)
    }

    pub(crate) fn number_as(terminal: &str, page: &str) -> Self {
        Self::new(&[terminal], page, Kind::Number)
    }

    pub(crate) fn in_terminal_only(self) -> Self {
        Self { page: None, ..self }
    }

    pub(crate) fn ratio(terminal: &str, page: &str) -> Self {
        Self::new(&[terminal, INTERVAL_95], page, Kind::Number)
    }

    /// Of another level than 95 %, or of one that is said above the table.
    pub(crate) fn ratio_at_level(terminal: &str, page: &str) -> Self {
        Self::new(&[terminal, "interval"], page, Kind::Number)
    }
}

struct Column {
    head: Head,
    cells: Vec<Cell>,
}

/// Rows, shown column by column.
pub(crate) struct Table<R> {
    lead: String,
    caption: String,
    rows: Vec<R>,
    is_floor: fn(&R) -> bool,
    columns: Vec<Column>,
}

impl<R> Table<R> {
    /// `lead` comes before it in a terminal, `caption` is the page's.
    pub(crate) fn new(lead: String, caption: String, rows: impl IntoIterator<Item = R>) -> Self {
        Self {
            lead,
            caption,
            rows: rows.into_iter().collect(),
            is_floor: |_| false,
            columns: Vec::new(),
        }
    }

    /// The page sets these rows apart.
    pub(crate) fn floor(mut self, is_floor: fn(&R) -> bool) -> Self {
        self.is_floor = is_floor;
        self
    }

    pub(crate) fn column(mut self, head: Head, cell: impl Fn(&R) -> Cell) -> Self {
        let cells = self.rows.iter().map(cell).collect();
        self.columns.push(Column { head, cells });
        self
    }

    pub(crate) fn terminal(&self) -> String {
        let heads = self.columns.iter().flat_map(|column| &column.head.terminal);
        let mut table = table::Table::new(heads.map(String::as_str));
        for row in 0..self.rows.len() {
            let cells = self.columns.iter().flat_map(|c| &c.cells[row].terminal);
            table.row(cells.cloned());
        }
        format!("{}\n\n{table}\n", self.lead)
    }

    pub(crate) fn page(&self) -> Markup {
        let columns = || self.columns.iter().filter(|c| c.head.page.is_some());
        let number = |column: &Column| (column.head.kind == Kind::Number).then_some("n");
        html! {
            p.caption { (self.caption) }
            div.scroll { table {
                thead { tr { @for column in columns() {
                    th class=[number(column)] { @if let Some(head) = &column.head.page { (head) } }
                } } }
                tbody { @for (i, row) in iter::zip(0.., &self.rows) {
                    tr class=[(self.is_floor)(row).then_some("floor")] {
                        @for column in columns() { @match column.head.kind {
                            Kind::Label => th { (column.cells[i].page) },
                            _ => td class=[number(column)] { (column.cells[i].page) },
                        } }
                    }
                } }
            } }
        }
    }
}
