// SPDX-License-Identifier: GPL-2.0-only
//! `--also COMMAND`: somebody else's sched_ext scheduler, as one more row.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{ensure, Context, Result};

use super::setting::Setting;
use crate::process;

/// Schedulers of the scx project name their ops after the program, without this.
const PREFIX: &str = "scx_";

/// Programs beside EEVDF and scx_meta.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Others {
    /// An installed sched_ext scheduler as one more row, such as 'scx_lavd --performance'
    /// (repeatable)
    ///
    /// It is started for each of its blocks and ended after it. The kernel must call it after its
    /// program, without `scx_`.
    #[arg(long, value_name = "COMMAND")]
    pub also: Vec<Other>,
}

/// A scheduler by its command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Other {
    /// As it was given.
    shown: String,
    words: Vec<String>,
}

impl FromStr for Other {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let words = shlex::split(text).with_context(|| format!("`{text}` has an open quote"))?;
        ensure!(!words.is_empty(), "no command");
        Ok(Self {
            shown: text.trim().into(),
            words,
        })
    }
}

impl Others {
    /// What to call each, and the setting; an error names the option.
    pub fn settings(&self) -> Result<Vec<(String, Setting)>> {
        let mut settings: Vec<(String, Setting)> = Vec::new();
        for other in &self.also {
            let labelled = other.labelled();
            let (label, setting) = labelled.with_context(|| format!("--also '{}'", other.shown))?;
            let is_twice = settings.iter().any(|(known, _)| *known == label);
            ensure!(!is_twice, "--also '{}': given twice", other.shown);
            settings.push((label, setting));
        }
        Ok(settings)
    }
}

impl Other {
    fn labelled(&self) -> Result<(String, Setting)> {
        let [program, options @ ..] = &self.words[..] else {
            unreachable!("a command has a word");
        };
        let found = find(program)?;
        let mut command = vec![found.to_string_lossy().into_owned()];
        command.extend_from_slice(options);
        let name = Path::new(program).file_name();
        let name = name.with_context(|| format!("{program} is no program"))?;
        let words = [name.to_string_lossy().into_owned()];
        let words: Vec<_> = words.into_iter().chain(options.iter().cloned()).collect();
        Ok((words.join(" "), Setting::Outside { command }))
    }
}

fn find(program: &str) -> Result<PathBuf> {
    if program.contains('/') {
        let path = PathBuf::from(program);
        ensure!(path.is_file(), "there is no file {program}");
        return Ok(path);
    }
    process::find_tool(program).with_context(|| format!("there is no {program} on PATH"))
}

/// What the kernel calls the scheduler of this program begins so.
pub fn ops(program: &str) -> String {
    let name = Path::new(program).file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    name.strip_prefix(PREFIX).unwrap_or(&name).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(also: &[&str]) -> Result<Vec<(String, Setting)>> {
        let also = also
            .iter()
            .map(|text| text.parse())
            .collect::<Result<_>>()?;
        Others { also }.settings()
    }

    #[test]
    fn a_command_becomes_a_setting_with_its_program_found() {
        let settings = settings(&["sh -c 'exit 1'", "/bin/sh --version"]).unwrap();
        let (label, setting) = &settings[0];
        assert_eq!(label, "sh -c exit 1");
        let Setting::Outside { command } = setting else {
            panic!("{setting:?}");
        };
        assert!(command[0].ends_with("/sh"), "{command:?}");
        assert_eq!(command[1..], ["-c", "exit 1"]);
        assert_eq!(settings[1].0, "sh --version");
    }

    #[test]
    fn what_is_no_scheduler_is_refused_by_the_option() {
        let error = |also: &[&str]| format!("{:#}", settings(also).unwrap_err());
        let missing = error(&["scx_none --fast"]);
        assert_eq!(
            missing,
            "--also 'scx_none --fast': there is no scx_none on PATH"
        );
        assert!(error(&["/no/scx_x"]).contains("--also '/no/scx_x': there is no file"));
        assert!(error(&["sh", "/bin/sh"]).contains("given twice"));
        for bad in ["", "  ", "sh 'open"] {
            assert!(bad.parse::<Other>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_kernels_name_is_the_programs() {
        assert_eq!(ops("/x/scx_lavd"), "lavd");
        assert_eq!(ops("other"), "other");
    }
}
