// SPDX-License-Identifier: GPL-2.0-only
//! Which processes belong to a group where there are no cgroups: by what `/proc` says of them.
//!
//! Members are those in one of the group's process groups, those whose environment carries its
//! mark, and all their descendants. Who leaves its process group, loses its parent and writes over
//! its environment as well escapes: cgroups have no such hole.

use std::collections::HashSet;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{bail, Result};
use labkit::sys;

/// Killed processes are gone after this, unless the kernel itself holds them.
const GONE_LIMIT: Duration = Duration::from_secs(30);

/// How often that is looked at.
const GONE_POLL: Duration = Duration::from_millis(10);

/// The variable in the environment of members.
pub const MARK: &str = "SCX_METABENCH_GROUP";

/// How members are known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members {
    /// Their [`MARK`] begins so.
    pub mark: String,
    /// The session of our children. Ids of process groups are given out again, and then most likely
    /// in another session.
    pub session: u32,
    /// Process groups that children of ours were made to lead.
    pub leaders: Vec<u32>,
}

/// What `/proc/PID/stat` says of a process.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stat {
    pid: u32,
    parent: u32,
    group: u32,
    session: u32,
}

impl Members {
    /// Those that live.
    pub fn find(&self) -> Vec<u32> {
        let all = all();
        let mut found: HashSet<u32> = all
            .iter()
            .filter(|stat| self.is_known(stat))
            .map(|stat| stat.pid)
            .collect();
        // Parents may come after their children in the list: until nothing is new.
        loop {
            let before = found.len();
            for stat in &all {
                if found.contains(&stat.parent) {
                    found.insert(stat.pid);
                }
            }
            if found.len() == before {
                return found.into_iter().collect();
            }
        }
    }

    /// Kills them until there are none.
    pub fn kill(&self) -> Result<()> {
        let deadline = Instant::now() + GONE_LIMIT;
        loop {
            let left = self.find();
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("killed {GONE_LIMIT:?} ago, processes {left:?} still live");
            }
            for pid in left {
                // Gone meanwhile, or somebody else's by now: the next look tells.
                let _ = sys::kill(pid, libc::SIGKILL);
            }
            thread::sleep(GONE_POLL);
        }
    }

    fn is_known(&self, stat: &Stat) -> bool {
        let in_group = stat.session == self.session && self.leaders.contains(&stat.group);
        in_group || has_mark(stat.pid, &self.mark)
    }
}

fn all() -> Vec<Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit())
        .filter_map(|entry| parse(&fs::read_to_string(entry.path().join("stat")).ok()?))
        .collect()
}

/// `PID (NAME) STATE PARENT GROUP SESSION …`; the name may hold anything. None if it is dead.
fn parse(stat: &str) -> Option<Stat> {
    let (pid, rest) = stat.split_once(" (")?;
    let (_, fields) = rest.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    let mut number = || fields.next()?.parse().ok();
    Some(Stat {
        pid: pid.parse().ok()?,
        parent: number()?,
        group: number()?,
        session: number()?,
    })
}

fn has_mark(pid: u32, mark: &str) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else {
        return false;
    };
    let wanted = format!("{MARK}={mark}");
    let mut variables = environment.split(|byte| *byte == 0);
    variables.any(|variable| variable.starts_with(wanted.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = parse("42 (a) Z (b) S 7 41 40 0 -1 4194304").unwrap();
        assert_eq!((stat.pid, stat.parent), (42, 7));
        assert_eq!((stat.group, stat.session), (41, 40));
        assert_eq!(parse("42 (sh) Z 7 41 40 0"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn who_leaves_its_process_group_is_found_by_its_mark_or_its_parent() {
        let mark = format!("test-{}", std::process::id());
        let script = "setsid sleep 60 & env -i setsid sleep 60 & wait";
        let mut command = Command::new("sh");
        command.args(["-c", script]).env(MARK, &mark);
        let mut leader = sys::in_own_group(&mut command, libc::SIGKILL)
            .spawn()
            .unwrap();
        let members = Members {
            mark,
            session: sys::session(),
            leaders: vec![leader.id()],
        };
        let deadline = Instant::now() + GONE_LIMIT;
        while members.find().len() < 3 && Instant::now() < deadline {
            thread::sleep(GONE_POLL);
        }
        assert_eq!(members.find().len(), 3);
        members.kill().unwrap();
        assert!(members.find().is_empty());
        leader.wait().unwrap();
    }

    #[test]
    fn nobody_is_taken_by_a_group_of_the_same_id_in_another_session() {
        let members = Members {
            mark: "nobody".into(),
            session: u32::MAX,
            leaders: all().iter().map(|stat| stat.group).collect(),
        };
        assert!(members.find().is_empty());
    }
}
