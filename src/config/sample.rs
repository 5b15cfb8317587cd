// SPDX-License-Identifier: GPL-2.0-only
//! The file that `scx_meta config --default` prints: all options as comments, made from the command
//! line's own, and the modes that are built in.

use std::fmt::Write;

use clap::{Arg, ArgAction, Command};

use super::NOT_HERE;

const HEAD: &str = "\
# scx_meta reads this file when it starts, and again at SIGHUP (systemctl reload scx_meta).
# What is typed has the last word, then the mode, then [options].

# mode = \"gaming\"
";

/// Names and a guess; what serves a load has to be measured.
const MODES: &str = "
# A mode is a set of options with a name: `scx_meta mode NAME` has its weights, period and pin in
# the running program. These are guesses; `scx_metabench try` finds out what serves your load.

[modes.gaming]
weights = \"bpfland=1\"

[modes.server]
weights = \"eevdf=1\"

[modes.powersave]
weights = \"nest=1\"
";

pub(crate) fn sample(command: &Command) -> String {
    let mut text = format!("{HEAD}\n[options]\n");
    let options = command.get_arguments();
    for option in options.filter(|option| !option.is_hide_set()) {
        let Some(key) = option.get_long().filter(|key| !NOT_HERE.contains(key)) else {
            continue;
        };
        let help = option.get_help().map(ToString::to_string);
        let help = help.unwrap_or_default().replace('\n', " ");
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{}# {key} = {}\n", comment(&help), value(option));
    }
    text.push_str(MODES);
    text
}

/// In lines of a readable length.
fn comment(help: &str) -> String {
    const WIDTH: usize = 90;
    let mut lines = vec![String::from("#")];
    for word in help.split_whitespace() {
        let last = lines.len() - 1;
        if lines[last].len() + word.len() > WIDTH {
            lines.push(String::from("#"));
        }
        let last = lines.len() - 1;
        lines[last] += " ";
        lines[last] += word;
    }
    lines.join("\n") + "\n"
}

/// Its default, or what it takes.
fn value(option: &Arg) -> String {
    if matches!(option.get_action(), ArgAction::SetTrue) {
        return "true".into();
    }
    let default = option.get_default_values().first();
    match default.and_then(|value| value.to_str()) {
        Some(number) if number.parse::<f64>().is_ok() => number.into(),
        Some(text) => format!("\"{text}\""),
        None => {
            let names = option.get_value_names().unwrap_or_default();
            format!("\"{}\"", names.first().map_or("", |name| name.as_str()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{words, Config};
    use super::*;
    use crate::cli;

    #[test]
    fn it_says_all_options_and_nothing_unless_somebody_takes_a_mark_away() {
        let command = cli::command();
        let text = sample(&command);
        let config = Config::parse(None, &text, &command).unwrap();
        assert!(words(&config.said(None, &[]).unwrap()).is_empty());
        for mode in ["gaming", "server", "powersave"] {
            assert_eq!(config.said(Some(mode), &[]).unwrap().len(), 1);
        }
        let typed = command.get_arguments().filter_map(|arg| arg.get_long());
        for key in typed.filter(|key| !NOT_HERE.contains(key)) {
            assert!(text.contains(&format!("\n# {key} = ")), "{key}");
        }
    }

    #[test]
    fn every_default_may_be_said() {
        let command = cli::command();
        let text = sample(&command);
        let defaults = command.get_arguments().filter(|arg| {
            let with = !arg.get_default_values().is_empty();
            with && !matches!(arg.get_action(), ArgAction::SetTrue)
        });
        for key in defaults.filter_map(|arg| arg.get_long()) {
            let line = text.lines().find_map(|line| {
                let line = line.strip_prefix("# ")?;
                line.starts_with(&format!("{key} = ")).then_some(line)
            });
            let file = format!("[options]\n{}", line.unwrap());
            Config::parse(None, &file, &command).unwrap();
        }
    }
}
