// SPDX-License-Identifier: GPL-2.0-only
//! The process that outlives us: `scx_metabench guard`, started by us with a pipe as its standard
//! input. It sleeps until the pipe ends, which it does however we die, and then kills what we
//! started. In the pipe, a line each, is what that is.

use std::io::BufRead;
use std::str::FromStr;
use std::{fmt, io};

use anyhow::{anyhow, Context, Error, Result};

use super::cgroup::Cgroup;
use super::processes::Members;

/// The hidden subcommand that runs [`main`].
pub const SUBCOMMAND: &str = "guard";

/// A line of the pipe.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// All is below this cgroup.
    Cgroup(String),
    /// There are no cgroups: members have this session, and a mark that begins so.
    Members { session: u32, mark: String },
    /// They have this process group, too.
    Group(u32),
    /// This process group has ended.
    Gone(u32),
}

/// What is to be killed.
#[derive(Debug, Default)]
struct Wards {
    cgroup: Option<Cgroup>,
    members: Option<Members>,
}

/// Waits for the end of standard input, then kills and removes what it named.
pub fn main() -> Result<()> {
    watch(io::stdin().lock())
}

fn watch(pipe: impl BufRead) -> Result<()> {
    let mut wards = Wards::default();
    let heard = listen(pipe, &mut wards);
    wards.kill()?;
    heard
}

fn listen(pipe: impl BufRead, wards: &mut Wards) -> Result<()> {
    for line in pipe.lines() {
        wards.note(line.context("reading what to guard")?.parse()?);
    }
    Ok(())
}

impl Wards {
    fn note(&mut self, word: Word) {
        match (word, &mut self.members) {
            (Word::Cgroup(path), _) => self.cgroup = Some(Cgroup::at(path)),
            (Word::Members { session, mark }, members) => {
                *members = Some(Members {
                    mark,
                    session,
                    leaders: Vec::new(),
                });
            }
            (Word::Group(leader), Some(members)) => members.leaders.push(leader),
            (Word::Gone(leader), Some(members)) => members.leaders.retain(|id| *id != leader),
            // Only members have process groups that matter.
            (Word::Group(_) | Word::Gone(_), None) => {}
        }
    }

    fn kill(&self) -> Result<()> {
        if let Some(cgroup) = &self.cgroup {
            cgroup.kill()?;
        }
        if let Some(members) = &self.members {
            members.kill()?;
        }
        Ok(())
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Cgroup(path) => write!(f, "cgroup {path}"),
            Self::Members { session, mark } => write!(f, "members {session} {mark}"),
            Self::Group(leader) => write!(f, "group {leader}"),
            Self::Gone(leader) => write!(f, "gone {leader}"),
        }
    }
}

impl FromStr for Word {
    type Err = Error;

    fn from_str(line: &str) -> Result<Self> {
        let unknown = || anyhow!("not a line of a guard's: {line}");
        let (word, rest) = line.split_once(' ').ok_or_else(unknown)?;
        let number = |text: &str| text.parse::<u32>().map_err(|_| unknown());
        match word {
            "cgroup" => Ok(Self::Cgroup(rest.into())),
            "members" => {
                let (session, mark) = rest.split_once(' ').ok_or_else(unknown)?;
                Ok(Self::Members {
                    session: number(session)?,
                    mark: mark.into(),
                })
            }
            "group" => Ok(Self::Group(number(rest)?)),
            "gone" => Ok(Self::Gone(number(rest)?)),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_what_they_were_made_of() {
        let words = [
            Word::Cgroup("/sys/fs/cgroup/a b".into()),
            Word::Members {
                session: 7,
                mark: "1.2/".into(),
            },
            Word::Group(42),
            Word::Gone(42),
        ];
        for word in words {
            assert_eq!(word.to_string().parse::<Word>().unwrap(), word);
        }
        for bad in ["", "group", "group x", "groups 1", "members 7"] {
            let error = bad.parse::<Word>().unwrap_err().to_string();
            assert!(error.ends_with(bad), "{error}");
        }
    }

    #[test]
    fn what_has_ended_is_no_longer_guarded() {
        let mut wards = Wards::default();
        let pipe = "members 7 mark/\ngroup 1\ngroup 2\ngone 1\n";
        listen(pipe.as_bytes(), &mut wards).unwrap();
        let members = wards.members.unwrap();
        assert_eq!((members.session, &*members.mark), (7, "mark/"));
        assert_eq!(members.leaders, [2]);
    }

    #[test]
    fn a_line_that_makes_no_sense_ends_the_guard() {
        let error = watch("nonsense 1\n".as_bytes()).unwrap_err().to_string();
        assert!(error.contains("nonsense 1"), "{error}");
    }
}
