// SPDX-License-Identifier: GPL-2.0-only
//! What all rounds came to: a line for each kind of fault, and their sum.

use std::fmt::Write;
use std::time::Duration;

use labkit::soak::{Kind, Record, KINDS};

use super::round::{Round, Setup};

/// The table, with how it came about before it.
pub(super) fn of(setup: &Setup, rounds: &[Round], took: Duration) -> String {
    let mut text = format!(
        "soak: kernel {}, {}, {}, seed {}\n",
        setup.kernel.release,
        setup.clock.describe(),
        setup.hardware.describe(),
        setup.seed,
    );
    let records: Vec<(u64, &Record)> = rounds
        .iter()
        .flat_map(|round| round.records.iter().map(|record| (round.number, record)))
        .collect();
    text.push_str(&lines(&records));
    let guest_ms: u64 = rounds
        .iter()
        .filter_map(|round| round.records.last())
        .map(|record| record.at_ms)
        .sum();
    let harmed = rounds.iter().filter(|round| round.harm.is_some()).count();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{} rounds, {harmed} with harm; {} s of guests in {} s here",
        rounds.len(),
        guest_ms / 1000,
        took.as_secs()
    );
    text
}

fn lines(records: &[(u64, &Record)]) -> String {
    let mut text = format!(
        "{:<24}{:>7}{:>10}{:>14}{:>12}  with\n",
        "fault", "times", "injected", "longest wait", "of allowed"
    );
    for kind in KINDS {
        let of_kind = records
            .iter()
            .filter(|(_, record)| record.kinds.contains(&kind));
        let of_kind: Vec<_> = of_kind.copied().collect();
        let injected: u64 = of_kind.iter().map(|(_, record)| record.injected).sum();
        let longest = of_kind.iter().max_by_key(|(_, record)| record.wait_us);
        let Some((round, longest)) = longest else {
            let _ = writeln!(text, "{kind:<24}{:>7}", 0);
            continue;
        };
        let others: Vec<String> = longest
            .kinds
            .iter()
            .filter(|other| **other != kind)
            .map(Kind::to_string)
            .collect();
        let _ = writeln!(
            text,
            "{kind:<24}{:>7}{injected:>10}{:>11} ms{:>9} ms  round {round}, step {}{}",
            of_kind.len(),
            longest.wait_us / 1000,
            longest.bound_us / 1000,
            longest.step,
            others
                .iter()
                .map(|other| format!(", beside {other}"))
                .collect::<String>(),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(step: usize, kinds: &[Kind], wait_us: u64) -> Record {
        Record {
            step,
            kinds: kinds.to_vec(),
            what: String::new(),
            injected: 10,
            wait_us,
            bound_us: 2_000_000,
            at_ms: 5,
        }
    }

    #[test]
    fn each_kind_has_its_longest_wait_and_where_that_was() {
        let short = record(1, &[Kind::Forks], 3_000);
        let long = record(4, &[Kind::Held, Kind::Forks], 812_000);
        let text = lines(&[(0, &short), (2, &long)]);
        let line = |kind: Kind| {
            let name = kind.to_string();
            let found = text.lines().find(|line| line.starts_with(&name));
            found
                .unwrap()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(text.lines().count(), KINDS.len() + 1);
        assert_eq!(
            line(Kind::Forks),
            "forks 2 20 812 ms 2000 ms round 2, step 4, beside CPU held by FIFO task"
        );
        assert!(line(Kind::Held).starts_with("CPU held by FIFO task 1 10 812 ms"));
        assert_eq!(line(Kind::Storm), "real-time storm 0");
    }
}
