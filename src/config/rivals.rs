// SPDX-License-Identifier: GPL-2.0-only
//! Options that exclude each other: whoever says one of them later takes back what was said before.

use super::Said;

/// In each group, ways to settle the same question; an option of one way excludes those of the
/// others.
const RIVALS: [&[&[&str]]; 3] = [
    // Who is in charge.
    &[
        &["weights"],
        &["rotate"],
        &["strategy", "profile", "prefer"],
        &[
            "auto",
            "goal",
            "explore",
            "auto-turn",
            "reward",
            "reward-gauge",
            "reward-lower",
        ],
    ],
    // What --auto goes by.
    &[&["goal"], &["reward", "reward-gauge", "reward-lower"]],
    &[&["stats", "stats-json"], &["no-stats"]],
];

/// What is left when somebody says these options afterwards.
pub(super) fn without(said: &[Said], later: &[String]) -> Vec<Said> {
    let is_left = |key: &str| {
        !later
            .iter()
            .any(|other| other == key || exclude(key, other))
    };
    let left = said.iter().filter(|said| is_left(&said.key));
    left.cloned().collect()
}

fn exclude(one: &str, other: &str) -> bool {
    RIVALS.iter().any(|group| {
        let way = |key: &str| group.iter().position(|way| way.contains(&key));
        matches!((way(one), way(other)), (Some(a), Some(b)) if a != b)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli;

    #[test]
    fn whatever_the_command_line_refuses_together_excludes_each_other() {
        let command = cli::command();
        let mut pairs = 0;
        for arg in command.get_arguments() {
            let conflicts = command.get_arg_conflicts_with(arg);
            for other in conflicts {
                let (Some(one), Some(other)) = (arg.get_long(), other.get_long()) else {
                    continue;
                };
                // Both of the same question, or the one for --dry-run, which no file has.
                assert!(exclude(one, other), "--{one} and --{other}");
                pairs += 1;
            }
        }
        assert!(pairs > 5, "{pairs}");
    }

    #[test]
    fn every_rival_is_an_option() {
        let command = cli::command();
        for key in RIVALS.concat().concat() {
            let known = command
                .get_arguments()
                .any(|arg| arg.get_long() == Some(key));
            assert!(known, "{key}");
        }
    }
}
