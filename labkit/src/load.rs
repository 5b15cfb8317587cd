// SPDX-License-Identifier: GPL-2.0-only
//! Loads, in parts: messages between many tasks, busy tasks, forks, and tasks that mostly sleep.
//! Real tools where the machine has them.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{bail, Context, Result};

use super::meta;
use super::process::find_tool;
use super::program::Program;
use super::sleepers::Sleepers;

/// With messaging beside them, two busy tasks a CPU leave none idle and keep queues short.
const BUSY_PER_CPU: usize = 2;

/// A stand-in for perf's 40 tasks that saturates two CPUs as well.
const PIPES_PER_GROUP: usize = 4;

/// Within this time after the start every part runs, or has failed.
const SETTLE: Duration = Duration::from_secs(1);

/// stress-ng ends by itself this long after the run, whatever became of us: a scheduler may take
/// that long until it is in charge.
const GRACE: Duration = meta::START_LIMIT;

/// A part of a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// Groups of 40 tasks that send each other messages, over and over.
    Messaging {
        /// Groups.
        groups: usize,
    },
    /// Tasks that never sleep.
    Busy {
        /// Tasks.
        tasks: usize,
    },
    /// Tasks that fork, over and over.
    Forks {
        /// Tasks.
        tasks: usize,
    },
    /// Tasks that wake up now and then, and do nothing.
    Sleepers {
        /// Tasks.
        tasks: usize,
        /// Time from one wake-up of a task to its next.
        every: Duration,
    },
}

/// The mixed load: messages, busy tasks enough to saturate every CPU, and forks.
pub fn mixed(cpus: usize) -> Vec<Part> {
    vec![
        Part::Messaging { groups: 1 },
        Part::Busy {
            tasks: cpus * BUSY_PER_CPU,
        },
        Part::Forks { tasks: 1 },
    ]
}

/// A running load. All of it ends when this is dropped, or when we die.
pub struct Load {
    groups: Vec<Group>,
    sleepers: Vec<Sleepers>,
}

/// One part of the load that is a process group.
struct Group {
    what: &'static str,
    command: String,
    program: Program,
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
    /// Starts every part, to be used for about `run`, and waits until the load has settled. To be
    /// called from the main thread: the parts end with the thread that started them.
    pub fn start(parts: &[Part], run: Duration) -> Result<Self> {
        let mut load = Self {
            groups: Vec::new(),
            sleepers: Vec::new(),
        };
        for &part in parts {
            match part {
                Part::Sleepers { tasks, every } => {
                    load.sleepers.push(Sleepers::start(tasks, every)?);
                }
                _ => load
                    .groups
                    .extend(recipe(part, run).map(|recipe| recipe.start()).transpose()?),
            }
        }
        thread::sleep(SETTLE);
        load.check()?;
        Ok(load)
    }

    /// Fails when a part has died.
    pub fn check(&mut self) -> Result<()> {
        for group in &mut self.groups {
            let checked = group.program.check();
            checked.with_context(|| format!("the load's {}", group.what))?;
        }
        Ok(())
    }

    /// Each process group's purpose and command, for people.
    pub fn describe(&self) -> impl Iterator<Item = (&'static str, &str)> + '_ {
        self.groups
            .iter()
            .map(|group| (group.what, &*group.command))
    }
}

/// How to make a part out of processes.
fn recipe(part: Part, run: Duration) -> Option<Recipe> {
    let limit_s = (run + GRACE).as_secs();
    // --temp-path: / is read-only in the lab's guest, /run never is for root.
    let stress = |what: String| Way {
        tool: "stress-ng",
        script: format!("exec stress-ng --quiet --temp-path /run --timeout {limit_s} {what}"),
    };
    let shell = |script: String| Way { tool: "sh", script };
    let each = |tasks: usize, body: &str| {
        shell(format!(
            "for i in $(seq {tasks}); do while :; do {body}; done & done; wait"
        ))
    };
    Some(match part {
        Part::Messaging { groups } => Recipe {
            what: "messaging",
            ways: vec![
                Way {
                    tool: "perf",
                    script: format!(
                        "while perf bench sched messaging -g {groups} -l 300; do :; done"
                    ),
                },
                stress(format!("--pipe {}", groups * PIPES_PER_GROUP)),
            ],
        },
        Part::Busy { tasks } => Recipe {
            what: "busy tasks",
            ways: vec![
                stress(format!("--cpu {tasks} --cpu-method int64")),
                each(tasks, ":"),
            ],
        },
        Part::Forks { tasks } => Recipe {
            what: "forks",
            ways: vec![stress(format!("--fork {tasks}")), each(tasks, "(:)")],
        },
        Part::Sleepers { .. } => return None,
    })
}

impl Recipe {
    fn start(&self) -> Result<Group> {
        let way = self.ways.iter().find(|way| find_tool(way.tool).is_some());
        let Some(way) = way else {
            let tools: Vec<_> = self.ways.iter().map(|way| way.tool).collect();
            bail!(
                "no tool for the load's {}: install {}",
                self.what,
                tools.join(" or ")
            );
        };
        let program = Program::start(Command::new("sh").args(["-c", &way.script]));
        Ok(Group {
            what: self.what,
            command: way.script.clone(),
            program: program.with_context(|| format!("the load's {}", self.what))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn load(group: Group) -> Load {
        Load {
            groups: vec![group],
            sleepers: Vec::new(),
        }
    }

    fn script(script: &str) -> Recipe {
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
        let group = script("sleep 60 & sleep 60").start().unwrap();
        let leader = group.program.pid();
        let mut load = load(group);
        thread::sleep(Duration::from_millis(200));
        load.check().unwrap();
        assert_eq!(members_of_group(leader), 3);
        drop(load);
        thread::sleep(Duration::from_millis(100));
        assert_eq!(members_of_group(leader), 0);
    }

    #[test]
    fn a_part_that_ends_is_named() {
        let mut load = load(script("exit 3").start().unwrap());
        thread::sleep(Duration::from_millis(200));
        let error = format!("{:#}", load.check().unwrap_err());
        assert!(error.contains("the load's test"), "{error}");
        assert!(error.contains("ended (exit status: 3)"), "{error}");
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
}
