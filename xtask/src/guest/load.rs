// SPDX-License-Identifier: GPL-2.0-only
//! The mixed load: messages between many tasks, busy tasks enough to saturate every CPU, and
//! forks. Real tools where the machine has them.

use std::env;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::bail;
use anyhow::Context;
use anyhow::Result;

use super::sys;

/// With messaging beside them, two busy tasks a CPU leave none idle and keep queues short.
const BUSY_PER_CPU: usize = 2;

/// Within this time after the start every part runs, or has failed.
const SETTLE: Duration = Duration::from_secs(1);

/// stress-ng ends by itself this long after the run, whatever became of us.
const GRACE: Duration = Duration::from_secs(120);

/// A running load. All of it ends when this is dropped, or when we die.
pub struct Load {
    parts: Vec<Part>,
}

/// One process group of the load.
struct Part {
    what: &'static str,
    command: String,
    child: Child,
}

/// Ways to make one part, best first; the first whose tool is on the machine is taken.
struct Recipe {
    what: &'static str,
    ways: Vec<Way>,
}

struct Way {
    tool: &'static str,
    /// For `sh -c`: a loop lives until its tool fails, and then the load is seen to have died.
    script: String,
}

impl Load {
    /// Starts every part and waits until the load has settled.
    pub fn start(cpus: usize, seconds: Duration) -> Result<Self> {
        let mut load = Self { parts: Vec::new() };
        for recipe in recipes(cpus, seconds) {
            load.parts.push(recipe.start()?);
        }
        thread::sleep(SETTLE);
        load.check()?;
        Ok(load)
    }

    /// Fails when a part has died.
    pub fn check(&mut self) -> Result<()> {
        for part in &mut self.parts {
            if let Some(status) = part.child.try_wait().context("cannot watch the load")? {
                bail!(
                    "the load's {} ended ({status}): {}",
                    part.what,
                    part.command
                );
            }
        }
        Ok(())
    }

    /// Each part's purpose and command, for people.
    pub fn describe(&self) -> impl Iterator<Item = (&'static str, &str)> + '_ {
        self.parts.iter().map(|part| (part.what, &*part.command))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for part in &mut self.parts {
            // The group may be gone already; what is left of it is ended and reaped.
            let _ = sys::kill_group(part.child.id(), libc::SIGKILL);
            let _ = part.child.wait();
        }
    }
}

fn recipes(cpus: usize, seconds: Duration) -> Vec<Recipe> {
    let busy = cpus * BUSY_PER_CPU;
    let limit_s = (seconds + GRACE).as_secs();
    // --temp-path: / is read-only in the lab's guest, /run never is for root.
    let stress = |what: String| Way {
        tool: "stress-ng",
        script: format!("exec stress-ng --quiet --temp-path /run --timeout {limit_s} {what}"),
    };
    let shell = |script: String| Way { tool: "sh", script };
    vec![
        Recipe {
            what: "messaging",
            ways: vec![
                Way {
                    tool: "perf",
                    script: "while perf bench sched messaging -g 1 -l 300; do :; done".into(),
                },
                stress("--pipe 4".into()),
            ],
        },
        Recipe {
            what: "busy tasks",
            ways: vec![
                stress(format!("--cpu {busy} --cpu-method int64")),
                shell(format!(
                    "for i in $(seq {busy}); do while :; do :; done & done; wait"
                )),
            ],
        },
        Recipe {
            what: "forks",
            ways: vec![
                stress("--fork 1".into()),
                shell("while (:); do :; done".into()),
            ],
        },
    ]
}

impl Recipe {
    fn start(&self) -> Result<Part> {
        let way = self.ways.iter().find(|way| find_tool(way.tool).is_some());
        let Some(way) = way else {
            let tools: Vec<_> = self.ways.iter().map(|way| way.tool).collect();
            bail!(
                "no tool for the load's {}: install {}",
                self.what,
                tools.join(" or ")
            );
        };
        let mut command = Command::new("sh");
        command
            .args(["-c", &way.script])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = sys::in_own_group(&mut command, libc::SIGKILL)
            .spawn()
            .with_context(|| format!("cannot start the load's {}: {}", self.what, way.script))?;
        Ok(Part {
            what: self.what,
            command: way.script.clone(),
            child,
        })
    }
}

/// Where a program is: on PATH, or in the directories that a user's PATH lacks.
pub fn find_tool(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let beside_path = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(beside_path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn recipe(script: &str) -> Recipe {
        Recipe {
            what: "test",
            ways: vec![Way {
                tool: "sh",
                script: script.into(),
            }],
        }
    }

    /// Process groups are in the fifth field of /proc/PID/stat.
    fn members_of_group(leader: u32) -> usize {
        let stats = fs::read_dir("/proc").unwrap().flatten();
        stats
            .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
            .filter(|stat| {
                let (_, fields) = stat.rsplit_once(") ").unwrap();
                let mut fields = fields.split(' ');
                fields.next() != Some("Z") && fields.nth(1) == Some(&leader.to_string())
            })
            .count()
    }

    #[test]
    fn dropping_the_load_ends_grandchildren_too() {
        let part = recipe("sleep 60 & sleep 60").start().unwrap();
        let leader = part.child.id();
        let mut load = Load { parts: vec![part] };
        thread::sleep(Duration::from_millis(200));
        load.check().unwrap();
        assert_eq!(members_of_group(leader), 3);
        drop(load);
        thread::sleep(Duration::from_millis(100));
        assert_eq!(members_of_group(leader), 0);
    }

    #[test]
    fn a_part_that_ends_is_named() {
        let mut load = Load {
            parts: vec![recipe("exit 3").start().unwrap()],
        };
        thread::sleep(Duration::from_millis(200));
        let error = load.check().unwrap_err().to_string();
        assert!(error.contains("test ended (exit status: 3)"), "{error}");
    }

    #[test]
    fn a_missing_tool_is_named() {
        let nothing = Recipe {
            what: "test",
            ways: vec![Way {
                tool: "no-such-tool",
                script: String::new(),
            }],
        };
        let error = nothing.start().err().unwrap().to_string();
        assert!(error.contains("install no-such-tool"), "{error}");
    }

    #[test]
    fn tools_outside_the_path_are_found() {
        assert!(find_tool("sh").is_some());
        assert!(find_tool("no-such-tool").is_none());
    }
}
