// SPDX-License-Identifier: GPL-2.0-only
//! Others who want the machine: a second loader, two at once, users who may not.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use labkit::watch::Watch;
use labkit::{scx, shared};

use super::harm::{fair_wait, Harm};
use crate::maps::{pin_path, PIN_DIR};
use crate::scheduler::{self, Scheduler};
use crate::{bound, fixture, tier};

const BUSY: usize = 3;
const ASLEEP: usize = 4;

/// While a scheduler is loaded and unloaded, whoever it is, the kernel runs tasks by a rule of its own.
const LOAD_LIMIT: Duration = Duration::from_secs(5);

/// Nobody, on every system.
const NOBODY: u32 = 65534;

fn fair() -> Duration {
    fair_wait(BUSY + 2, bound::cpus())
}

fn beside_load() -> Harm {
    let scheduler = Scheduler::shared();
    scheduler.all_take_turns(Duration::from_millis(5));
    Harm::beside(scheduler, Watch::start(BUSY, ASLEEP).unwrap())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_second_loader_is_refused_and_changes_nothing() {
    let mut harm = beside_load();
    let mut outputs = Vec::new();
    harm.phase("a second loader", fair(), |_| {
        outputs.push(scheduler::run(&["--policies", "fifo"]));
        1
    });
    for output in outputs {
        let said = said(&output);
        let clear = output.status.code() == Some(1)
            && said.lines().count() == 1
            && said.contains("already running");
        harm.expect(clear, format!("{}: {said}", output.status));
    }
    harm.end();
}

/// With no scheduler loaded, of two that start at the same time one is put in charge, and ends well.
#[test]
fn of_two_loaders_at_once_one_is_in_charge() {
    let lock = shared::lock().unwrap();
    shared::end().unwrap();
    let mut harm = Harm::without_scheduler(Watch::start(BUSY, ASLEEP).unwrap());
    for _ in 0..tier::times(1, 6) {
        let mut ends = Vec::new();
        harm.phase("two at once", LOAD_LIMIT, |_| {
            let both = [(); 2].map(|()| start(&["--policies", "fifo", "--seconds", "0.2"]));
            ends.extend(both.map(|child| child.wait_with_output().unwrap()));
            2
        });
        let won = ends.iter().filter(|end| end.status.success()).count();
        let refused = ends.iter().filter(|end| end.status.code() == Some(1));
        let clear = refused.filter(|end| said(end).lines().count() == 1).count();
        let all: Vec<String> = ends.iter().map(said).collect();
        harm.expect(won == 1 && clear == 1, format!("{won} ended well: {all:?}"));
        let state = scx::state().unwrap();
        harm.expect(state == "disabled", format!("sched_ext is {state}"));
    }
    harm.end();
    drop(lock);
}

fn start(words: &[&str]) -> Child {
    let mut command = Command::new(fixture::binary());
    command.args(words).stdin(Stdio::null());
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Whoever asks without being root is told so, and changes nothing.
#[test]
fn users_without_rights_are_refused_every_command_and_map() {
    let mut harm = beside_load();
    let before = state(&mut harm);
    let as_nobody = |program: &str, words: &[&str]| -> Output {
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null());
        command.uid(NOBODY).gid(NOBODY).output().unwrap()
    };
    let binary = fixture::binary();
    let binary = binary.to_str().unwrap();
    let weights = pin_path("weights");
    let commands: [&[&str]; 7] = [
        &[],
        &["status"],
        &["status", "--json"],
        &["set", "fifo=3"],
        &["pin", "nest"],
        &["unpin"],
        &["turns"],
    ];
    let others: [(&str, &[&str]); 4] = [
        ("bpftool", &["map", "dump", "pinned", &weights]),
        ("rm", &["-r", PIN_DIR]),
        ("mv", &[PIN_DIR, "/sys/fs/bpf/stolen"]),
        ("mkdir", &["/sys/fs/bpf/scx_meta/mine"]),
    ];
    let mut outputs = Vec::new();
    harm.phase("nobody", fair(), |_| {
        for words in commands {
            outputs.push((words, as_nobody(binary, words), true));
        }
        for (program, words) in others {
            outputs.push((words, as_nobody(program, words), false));
        }
        outputs.len() as u64
    });
    for (words, output, ours) in outputs {
        let said = said(&output);
        println!("nobody: {words:?}: {}, {}", output.status, said.trim());
        harm.expect(!output.status.success(), format!("{words:?} succeeded"));
        let clear = !ours || said.lines().count() == 1;
        harm.expect(clear, format!("{words:?}: {said}"));
    }
    let after = state(&mut harm);
    harm.expect(before == after, format!("{before} became {after}"));
    harm.end();
}

/// What people set.
fn state(harm: &mut Harm) -> String {
    let names = fs::read_dir(PIN_DIR).unwrap().count();
    let maps = harm.scheduler().maps();
    let weights: Vec<u32> = scx_meta::policy::Policy::all()
        .map(|policy| maps.weight(policy))
        .collect();
    format!("{names} pins, weights {weights:?}")
}
