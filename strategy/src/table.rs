// SPDX-License-Identifier: GPL-2.0-only
//! What a strategy came to, for people and for programs.

use std::fmt::Write;

use serde_json::{json, Map, Value};

use super::{Allotment, Basis, Row};

impl Allotment {
    /// A line an application, and what that comes to for each policy.
    pub fn table(&self) -> String {
        let mut lines =
            vec![["application", "policy", "r_i", "l_i", "w_i", "t_i", ""].map(String::from)];
        lines.extend(self.rows.iter().map(Row::cells));
        let widths: [usize; 7] = std::array::from_fn(|column| {
            let lengths = lines.iter().map(|cells| cells[column].chars().count());
            lengths.max().unwrap_or_default()
        });
        let mut text = String::new();
        for [application, policy, numbers @ .., note] in &lines {
            let mut line = format!("{application:<0$}  {policy:<1$}", widths[0], widths[1]);
            for (number, width) in numbers.iter().zip(&widths[2..]) {
                // Writing to a string cannot fail.
                let _ = write!(line, "  {number:>width$}");
            }
            let _ = write!(line, "  {note}");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        if self.rows.iter().any(|row| row.basis.is_some()) {
            text.push_str("r_i: throughput ÷ that under EEVDF; l_i: latency under EEVDF\n");
        }
        let period = humantime::format_duration(self.period);
        let turning = self.weights.iter().filter(|(_, weight)| *weight > 0);
        let weights: Vec<String> = turning
            .map(|(policy, weight)| format!("{policy} {weight}"))
            .collect();
        let weights = weights.join(", ");
        let _ = writeln!(text, "weights: {weights}; a rotation takes {period}");
        text
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let applications: Vec<_> = self.rows.iter().map(Row::json).collect();
        let weights: Map<_, _> = self
            .weights
            .iter()
            .map(|(policy, weight)| (policy.clone(), json!(weight)))
            .collect();
        json!({
            "applications": applications,
            "weights": weights,
            "period_us": self.period.as_micros() as u64,
        })
    }
}

impl Row {
    fn cells(&self) -> [String; 7] {
        let basis = self.basis.as_ref();
        let of_basis =
            |cell: fn(&Basis) -> Option<String>| basis.and_then(cell).unwrap_or_else(|| "-".into());
        let loses = basis.is_some_and(|basis| !basis.beats_eevdf);
        let note = if loses { "does not beat EEVDF" } else { "" };
        [
            of_basis(|basis| Some(basis.name.clone())),
            self.policy.to_string(),
            of_basis(|basis| Some(format!("{:.4}", basis.throughput_ratio))),
            of_basis(|basis| {
                let (quantile, latency_ms) = (basis.latency_quantile?, basis.latency_ms?);
                Some(format!("{quantile} {} ms", thousandths(latency_ms)))
            }),
            format!("{:.4}", self.weight),
            format!("{:.2} ms", self.timeslice_ms),
            note.into(),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "name": self.basis.as_ref().map(|basis| &basis.name),
            "policy": self.policy,
            "weight": self.weight,
            "timeslice_ms": self.timeslice_ms,
        })
    }
}

/// Three decimals, without those that say nothing: measured figures have many.
fn thousandths(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').into()
}
