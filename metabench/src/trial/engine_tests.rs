// SPDX-License-Identifier: GPL-2.0-only
//! Trials of small commands, with nobody in charge.

use std::cell::Cell;
use std::fs;
use std::time::{Duration, Instant};

use labkit::charge::setting::Setting;

use super::block::Rig;
use super::engine::{self, Ending, Next};
use super::fake::{self, application, load, workload, FakeScene, Nobody, Story};
use crate::record::{Block, Plan, Record, Role, Row, Stage, Subject};
use crate::workload::{Application, Ready, Service, Workload};

fn rows() -> Vec<Row> {
    let turns = Row {
        label: "turns".into(),
        setting: Setting::Rotate {
            weights: vec![("a".into(), 1), ("b".into(), 1)],
            period_us: 20_000,
        },
        role: Role::EqualRotation,
    };
    vec![Row::held("a"), Row::held("b"), turns]
}

fn plan(subjects: &[Application], rounds: u32) -> Plan {
    let subject = |application: &Application| Subject {
        name: application.name.clone(),
        whole: false,
        unit: application.unit.clone(),
        concurrency: 1,
        commands: Vec::new(),
        closed_loop: true,
        contest: None,
    };
    Plan {
        subjects: subjects.iter().map(subject).collect(),
        rows: rows(),
        rounds,
        ..fake::plan(Stage::Profile)
    }
}

struct Trouble {
    dead: bool,
    /// Services die when so much happened.
    dies_after: usize,
    /// Somebody asks to stop when so many looks were taken.
    interrupted_after: usize,
    /// So many super-blocks will do.
    enough: usize,
}

const NONE: Trouble = Trouble {
    dead: false,
    dies_after: usize::MAX,
    interrupted_after: usize::MAX,
    enough: usize::MAX,
};

struct Told {
    ending: anyhow::Result<Ending>,
    records: Vec<Record>,
    story: Vec<String>,
}

impl Told {
    fn blocks(&self) -> Vec<&Block> {
        let blocks = self.records.iter().filter_map(|record| match record {
            Record::Block(block) => Some(block),
            _ => None,
        });
        blocks.collect()
    }

    fn end(&self) -> (bool, &str) {
        let Some(Record::End { complete, reason }) = self.records.last() else {
            panic!("{:?}", self.records.last());
        };
        (*complete, reason.as_deref().unwrap_or_default())
    }
}

fn tell(subjects: &[Application], workload: &Workload, rounds: u32, trouble: &Trouble) -> Told {
    let story = Story::default();
    let looks = Cell::new(0);
    let mut records = Vec::new();
    let mut rig = Rig {
        charge: &mut Nobody {
            story: story.clone(),
            dead: trouble.dead,
        },
        scene: &mut FakeScene {
            story: story.clone(),
            dies_after: trouble.dies_after,
        },
        lead: Duration::ZERO,
        interrupted: &|| {
            looks.set(looks.get() + 1);
            looks.get() > trouble.interrupted_after
        },
    };
    let plan = plan(subjects, rounds);
    let ending = engine::run(plan, subjects, workload, &mut rig, &mut |record| {
        records.push(record.clone());
        // The plan, and super-blocks of five.
        Ok(match (records.len() - 1) / 5 >= trouble.enough {
            true => Next::Enough,
            false => Next::More,
        })
    });
    let story = story.borrow().clone();
    Told {
        ending,
        records,
        story,
    }
}

fn run(subjects: &[Application], rounds: u32, trouble: &Trouble) -> Told {
    tell(subjects, &workload(subjects), rounds, trouble)
}

fn one(loads: Vec<crate::workload::Load>) -> [Application; 1] {
    [application("app", loads)]
}

#[test]
fn super_blocks_begin_and_end_with_eevdf_and_hold_every_row_once() {
    let told = run(&one(vec![load("app", "echo rate 7", false)]), 6, &NONE);
    assert_eq!(told.ending.as_ref().unwrap(), &Ending::Complete);
    assert_eq!(told.end(), (true, ""));
    assert!(matches!(&told.records[0], Record::Plan(plan) if plan.rounds == 6));
    let blocks = told.blocks();
    assert_eq!(blocks.len(), 6 * 5);
    let mut orders = Vec::new();
    for (round, blocks) in blocks.chunks(5).enumerate() {
        let rows: Vec<_> = blocks.iter().map(|block| block.row.as_deref()).collect();
        assert_eq!((rows[0], rows[4]), (None, None));
        let mut inner: Vec<_> = rows[1..4].iter().flatten().copied().collect();
        orders.push(inner.clone());
        inner.sort_unstable();
        assert_eq!(inner, ["a", "b", "turns"]);
        for (position, block) in blocks.iter().enumerate() {
            assert_eq!(
                (block.round, block.position),
                (round as u32, position as u32)
            );
            assert_eq!((block.subject.as_str(), block.parts.len()), ("app", 1));
            assert!((block.parts[0].throughput - 7.0).abs() < 1e-9);
            assert_eq!(
                block.phase_us.is_some(),
                block.row.as_deref() == Some("turns")
            );
            assert!(block.phase_us.is_none_or(|phase| phase < 20_000));
            assert!(block.settled_ms >= f64::from(block.phase_us.unwrap_or(0)) / 1000.0);
            assert!(block.seconds > 0.0 && block.seconds < 30.0);
        }
    }
    orders.dedup();
    assert!(orders.len() > 2, "{orders:?}");
    // The scheduler put in charge is the one written down.
    let put: Vec<_> = told.story.iter().filter(|s| !s.starts_with("up")).collect();
    let of = |block: &&Block| match block.row.as_deref() {
        None => "EEVDF".to_owned(),
        Some(label) => rows()
            .iter()
            .find(|row| row.label == label)
            .unwrap()
            .setting
            .to_string(),
    };
    let written: Vec<String> = blocks.iter().map(of).collect();
    assert_eq!(put[1..], written.iter().collect::<Vec<_>>());
}

#[test]
fn services_come_up_once_for_each_subject_and_under_eevdf() {
    let mut subjects =
        ["one", "two"].map(|name| application(name, vec![load(name, "echo rate 1", false)]));
    subjects[1].services = vec!["db".into(), "web".into()];
    let mut workload = workload(&subjects);
    workload.services = ["web", "other", "db"].map(service).into();
    let told = tell(&subjects, &workload, 1, &NONE);
    told.ending.unwrap();
    let at: Vec<_> = told.story.iter().filter(|s| s.starts_with("up")).collect();
    assert_eq!(at, ["up: ", "up: web db"]);
    assert_eq!(told.story.len(), 2 * (2 + 5));
    assert_eq!((&*told.story[7], &*told.story[8]), ("EEVDF", "up: web db"));

    subjects[0].services = vec!["cache".into()];
    let told = tell(&subjects, &workload, 1, &NONE);
    let error = format!("{:#}", told.ending.unwrap_err());
    assert_eq!(error, "one: there is no service `cache`");
}

fn service(name: &str) -> Service {
    Service {
        name: name.into(),
        command: Vec::new(),
        environment: Default::default(),
        folder: "/".into(),
        ready: Ready::Started,
        ready_limit: Duration::ZERO,
    }
}

#[test]
fn a_load_without_a_figure_ends_the_trial_with_its_last_words() {
    let fails = "echo all is well; echo no route to host >&2; exit 3";
    let mut missing = load("app", "", false);
    missing.command = vec!["no-such-load".into()];
    let place = ["app: ", "super-block 1 of 2: EEVDF"];
    for (load, expected) in [
        (
            load("app", fails, false),
            ["exit status: 3", "sh -c", "no route to host"],
        ),
        (missing, ["cannot start", "no-such-load", ""]),
        (
            load("app", "echo nothing to see", false),
            ["matches nothing", "nothing to see", ""],
        ),
    ] {
        let told = run(&one(vec![load]), 2, &NONE);
        let error = format!("{:#}", told.ending.as_ref().unwrap_err());
        for part in place.iter().chain(&expected) {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(told.end(), (false, &*error));
        assert!(told.blocks().is_empty());
    }
}

#[test]
fn a_dead_service_or_scheduler_ends_the_trial_without_that_block() {
    let subjects = one(vec![load("app", "echo rate 1", false)]);
    // up, EEVDF at first, then two blocks.
    let died = Trouble {
        dies_after: 5,
        ..NONE
    };
    let told = run(&subjects, 1, &died);
    assert_eq!(told.blocks().len(), 2);
    assert!(
        told.end().1.ends_with("service web ended"),
        "{:?}",
        told.end()
    );
    let ejected = Trouble { dead: true, ..NONE };
    let told = run(&subjects, 1, &ejected);
    assert_eq!(told.blocks().len(), 0);
    assert!(
        told.end().1.ends_with("not in charge any more"),
        "{:?}",
        told.end()
    );
    // A load that fails beside a dead service is not to blame.
    let failing = one(vec![load("app", "exit 1", false)]);
    let died = Trouble {
        dies_after: 0,
        ..NONE
    };
    let error = format!("{:#}", run(&failing, 1, &died).ending.unwrap_err());
    let service = error.find("service web ended").unwrap();
    assert!(service < error.find("exit status: 1").unwrap(), "{error}");
}

#[test]
fn a_wish_to_stop_ends_the_load_at_once_and_keeps_what_was_measured() {
    let script = "echo rate 1; test -e /nowhere || sleep ${NAP:-0.05}";
    let subjects = one(vec![load("app", script, false)]);
    let complete = run(&subjects, 1, &NONE);
    assert_eq!(complete.blocks().len(), 5);
    let stopped = Trouble {
        interrupted_after: 6,
        ..NONE
    };
    let told = run(&subjects, 1, &stopped);
    assert_eq!(told.ending.as_ref().unwrap(), &Ending::Interrupted);
    assert_eq!(told.end(), (false, "interrupted"));
    assert!(
        (1..5).contains(&told.blocks().len()),
        "{}",
        told.blocks().len()
    );

    let endless = one(vec![load("app", "sleep 63", false)]);
    let began = Instant::now();
    let told = run(
        &endless,
        1,
        &Trouble {
            interrupted_after: 3,
            ..NONE
        },
    );
    assert_eq!(told.ending.unwrap(), Ending::Interrupted);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_trial_that_knows_enough_is_complete_before_its_plan() {
    let subjects = one(vec![load("app", "echo rate 1", false)]);
    let told = run(&subjects, 9, &Trouble { enough: 2, ..NONE });
    assert_eq!(told.ending.as_ref().unwrap(), &Ending::Complete);
    assert_eq!((told.blocks().len(), told.end()), (2 * 5, (true, "")));
}

#[test]
fn a_load_without_a_length_is_run_again_until_the_window_has_passed() {
    let dir = tempfile::tempdir().unwrap();
    let script = format!(
        "echo x >> {}/runs; sleep 0.3; echo $GREETING 5",
        dir.path().display()
    );
    let mut subjects = one(vec![load("app", &script, true)]);
    subjects[0].window = Duration::from_secs(1);
    subjects[0].warm_up = Duration::from_millis(10);
    let told = run(&subjects, 1, &NONE);
    let blocks = told.blocks();
    assert_eq!(blocks.len(), 5);
    // Alone, it finishes what it began.
    assert!(
        blocks.iter().all(|block| block.seconds >= 1.0),
        "{blocks:?}"
    );
    let runs = fs::read_to_string(dir.path().join("runs"))
        .unwrap()
        .lines()
        .count();
    // With the warm-up; four runs fill a second, fewer if the machine is slow.
    assert!((12..=24).contains(&runs), "{runs}");
}

#[test]
fn several_loads_run_at_the_same_time_and_the_overhang_of_one_does_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display();
    // Each waits for the other to be there.
    let meet = |own: &str, other: &str| {
        format!("echo x >> {path}/{own}; until test -e {path}/{other}; do sleep 0.02; done")
    };
    let timed = format!(
        "{}; sleep {{seconds}}; echo rate {{seconds}}; rm {path}/timed",
        meet("timed", "again")
    );
    let again = meet("again", "timed");
    let again = format!("{again}; sleep 0.4; echo x >> {path}/ends; echo rate 9");
    let mut subjects = one(vec![
        load("timed", &timed, false),
        load("again", &again, true),
    ]);
    subjects[0].window = Duration::from_secs(1);
    let told = run(&subjects, 1, &NONE);
    told.ending.as_ref().unwrap();
    for block in told.blocks() {
        let parts = block.parts.iter();
        let parts: Vec<_> = parts.map(|p| (&*p.name, p.throughput.round())).collect();
        assert_eq!(parts, [("timed", 1.0), ("again", 9.0)]);
        assert!((1.0..20.0).contains(&block.seconds), "{}", block.seconds);
    }
    let lines = |name: &str| {
        fs::read_to_string(dir.path().join(name))
            .unwrap()
            .lines()
            .count()
    };
    assert!(lines("again") > lines("ends"), "nothing was cut");
}

#[test]
fn loads_by_turns_have_their_own_lengths_and_follow_each_other() {
    let mut application = application(
        "app",
        vec![
            load("a", "echo rate {seconds}; date +%s%N >&2", false),
            load("b", "echo rate {seconds}; date +%s%N >&2", false),
        ],
    );
    application.turns = [1, 2].map(Duration::from_secs).into();
    application.window = Duration::from_secs(3);
    let told = run(&[application], 1, &NONE);
    assert_eq!(told.ending.as_ref().unwrap(), &Ending::Complete);
    for block in told.blocks() {
        let parts: Vec<_> = block
            .parts
            .iter()
            .map(|p| (&*p.name, p.throughput))
            .collect();
        assert_eq!(parts, [("a", 1.0), ("b", 2.0)]);
    }
}
