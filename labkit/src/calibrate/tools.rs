// SPDX-License-Identifier: GPL-2.0-only
//! The scheduler benchmarks that people know: perf's and hackbench.

use std::process::Command;

use anyhow::Context;

use super::{Group, Load};
use crate::process;

/// A tool, and where its output has the value.
struct Tool {
    name: &'static str,
    command: &'static str,
    /// The value is the number after this word …
    before: &'static str,
    /// … in this unit.
    unit: &'static str,
}

const TOOLS: [Tool; 6] = [
    Tool {
        name: "perf bench sched pipe",
        command: "perf bench sched pipe -l 2000",
        before: "Total time:",
        unit: "s",
    },
    Tool {
        name: "perf bench sched messaging, processes",
        command: "perf bench sched messaging -g 1 -l 50",
        before: "Total time:",
        unit: "s",
    },
    Tool {
        name: "perf bench sched messaging, threads",
        command: "perf bench sched messaging -t -g 1 -l 50",
        before: "Total time:",
        unit: "s",
    },
    Tool {
        name: "hackbench, processes",
        command: "hackbench -g 2 -l 50",
        before: "Time:",
        unit: "s",
    },
    Tool {
        name: "hackbench, threads",
        command: "hackbench -T -g 2 -l 50",
        before: "Time:",
        unit: "s",
    },
    Tool {
        name: "hackbench, pipes",
        command: "hackbench -p -g 2 -l 100",
        before: "Time:",
        unit: "s",
    },
];

pub fn loads() -> Vec<Load> {
    let load = |tool: &'static Tool| {
        Load::new(Group::Sched, tool.name, tool.unit, move || {
            let mut words = tool.command.split(' ');
            let program = words.next().unwrap_or_default();
            let printed = process::run(Command::new(program).args(words))?;
            value(&printed, tool.before).with_context(|| {
                format!(
                    "no `{}` in what {} printed: {printed}",
                    tool.before, tool.command
                )
            })
        })
    };
    TOOLS.iter().map(load).collect()
}

fn value(printed: &str, before: &str) -> Option<f64> {
    let (_, rest) = printed.split_once(before)?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_found_in_what_the_tools_print() {
        let perf = "# Running 'sched/pipe' benchmark:\n\n     Total time: 0.051 [sec]\n\n";
        assert_eq!(value(perf, "Total time:"), Some(0.051));
        assert_eq!(value("Running\nTime: 0.119\n", "Time:"), Some(0.119));
        assert_eq!(value("Time: soon", "Time:"), None);
    }
}
