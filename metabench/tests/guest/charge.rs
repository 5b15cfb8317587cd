// SPDX-License-Identifier: GPL-2.0-only
//! Putting settings in charge, for real.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use labkit::charge::setting::Setting;
use labkit::charge::{Charge, InCharge, Programs};
use labkit::load::Load;
use labkit::meta::STOP_LIMIT;
use labkit::{load, scx, sys};
use scx_meta::live::{Live, PIN_DIR};
use scx_meta::machine::Machine;
use scx_meta::policy::Policy;
use tempfile::TempDir;

use crate::{alone, await_that, loader, LIMIT};

const LEAST: Duration = Duration::from_millis(500);

/// How [`victim`] is told where to say that it is ready.
const VICTIM_FOLDER: &str = "VICTIM_FOLDER";

fn charge() -> anyhow::Result<Charge> {
    let programs = Programs {
        scx_meta: loader(),
        // Any build will do to see that it is this one's turn: it loads other policies.
        twins: Some(loader()),
    };
    Charge::new(programs, &["fifo", "vtime", "nest"].map(String::from))
}

fn hold(policy: &str) -> Setting {
    Setting::Hold {
        policy: policy.into(),
    }
}

fn weights() -> Vec<(String, u32)> {
    vec![("fifo".into(), 3), ("vtime".into(), 1)]
}

fn live() -> Live {
    Live::open(&Machine::default()).unwrap()
}

fn active() -> &'static str {
    Policy::from_id(live().status().unwrap().active)
        .unwrap()
        .name()
}

fn names(weights: &[(Policy, u32)]) -> Vec<(&str, u32)> {
    weights.iter().map(|(p, w)| (p.name(), *w)).collect()
}

/// Processes that run the loader.
fn loaders() -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let loaders = processes.filter(|process| {
        let program = fs::read_link(process.path().join("exe"));
        program.is_ok_and(|program| program == loader())
    });
    let names = loaders.map(|process| process.file_name());
    names
        .map(|pid| pid.to_str().unwrap().parse().unwrap())
        .collect()
}

#[test]
fn one_process_serves_all_that_it_can() {
    let _alone = alone();
    let mut charge = charge().unwrap();
    charge.put(&Setting::Eevdf).unwrap();
    charge.check().unwrap();
    assert_eq!(scx::ops().unwrap(), None);
    let before = scx::enable_seq().unwrap();

    for policy in ["vtime", "nest", "fifo"] {
        charge.put(&hold(policy)).unwrap();
        assert_eq!(active(), policy);
        assert!(charge.settle(LEAST).unwrap() >= LEAST);
        charge.check().unwrap();
    }
    let rotate = Setting::Rotate {
        weights: weights(),
        period_us: 40_000,
    };
    charge.put(&rotate).unwrap();
    charge.settle(LEAST).unwrap();
    charge.check().unwrap();
    let written = live().weights().unwrap();
    assert_eq!(names(&written), [("fifo", 3), ("vtime", 1), ("nest", 0)]);
    assert_eq!(live().period_us().unwrap(), 40_000);
    assert_eq!(live().pin().unwrap(), None);
    let flips = live().status().unwrap().generation;
    thread::sleep(LEAST);
    assert!(live().status().unwrap().generation >= flips + 10);
    assert_eq!(scx::enable_seq().unwrap(), before + 1);

    charge.put(&Setting::Eevdf).unwrap();
    charge.check().unwrap();
    assert_eq!(scx::state().unwrap(), "disabled");
    assert!(!Path::new(PIN_DIR).exists());
}

#[test]
fn who_chooses_is_loaded_afresh_and_says_what_it_found_out() {
    let _alone = alone();
    let mut charge = charge().unwrap();
    charge.put(&hold("nest")).unwrap();
    assert_eq!(charge.learned().unwrap(), None);
    let before = scx::enable_seq().unwrap();
    let options = ["--policies", "fifo,vtime", "--auto=fifo,vtime"].map(String::from);
    let auto = Setting::Auto {
        options: options.into(),
    };
    for loaded in 1..=2 {
        charge.put(&auto).unwrap();
        charge.settle(LEAST).unwrap();
        charge.check().unwrap();
        let learned = charge.learned().unwrap().unwrap();
        assert_eq!((learned.in_charge.name(), learned.changes), ("fifo", 0));
        assert_eq!(scx::enable_seq().unwrap(), before + loaded);
    }
    charge.put(&hold("nest")).unwrap();
    assert_eq!(active(), "nest");
}

#[test]
fn a_policy_that_is_held_counts_its_signals_if_asked() {
    let _alone = alone();
    let mut charge = charge().unwrap().with_signals(true);
    charge.put(&Setting::Eevdf).unwrap();
    assert_eq!(charge.signals().unwrap(), None);
    charge.put(&hold("fifo")).unwrap();
    let before = charge.signals().unwrap().unwrap();
    // Whoever sleeps once may wake in the quarter of a turn that does not count.
    let end = Instant::now() + 2 * LEAST;
    while Instant::now() < end {
        thread::sleep(Duration::from_millis(2));
    }
    let seen = charge.signals().unwrap().unwrap().since(before);
    // Some whole turns of 100 ms, of which a quarter does not count.
    assert!((100_000_000..=1_500_000_000).contains(&seen.ns), "{seen:?}");
    assert!(
        seen.bursts > 0 && seen.wakes > 0 && seen.looks > 0,
        "{seen:?}"
    );
}

#[test]
fn twins_are_another_program_with_two_rows() {
    let _alone = alone();
    let mut charge = charge().unwrap();
    charge.put(&hold("nest")).unwrap();
    let before = scx::enable_seq().unwrap();
    let twins = Setting::Twins {
        weights: weights(),
        period_us: 40_000,
    };
    charge.put(&twins).unwrap();
    charge.settle(LEAST).unwrap();
    charge.check().unwrap();
    assert_eq!(scx::enable_seq().unwrap(), before + 1);
    let written = live().weights().unwrap();
    assert_eq!(names(&written), [("fifo", 3), ("vtime", 1)]);
    drop(charge);
    assert_eq!(scx::state().unwrap(), "disabled");
}

/// scx_meta itself, as if it were somebody else's.
fn outside(policy: &str) -> Setting {
    let words = ["--policies", policy, "--on-ejection", "exit"].map(String::from);
    let program = loader().to_string_lossy().into_owned();
    Setting::Outside {
        command: [program].into_iter().chain(words).collect(),
    }
}

#[test]
fn another_scheduler_comes_and_goes_as_a_process() {
    let _alone = alone();
    let mut charge = charge().unwrap();
    let before = scx::enable_seq().unwrap();
    for policy in ["fifo", "vtime"] {
        charge.put(&outside(policy)).unwrap();
        assert_eq!(active(), policy);
        assert!(charge.settle(LEAST).unwrap() >= LEAST);
        charge.check().unwrap();
        // Again is not anew.
        charge.put(&outside(policy)).unwrap();
    }
    assert_eq!(scx::enable_seq().unwrap(), before + 2);
    charge.put(&hold("nest")).unwrap();
    assert_eq!(active(), "nest");
    charge.put(&outside("fifo")).unwrap();
    charge.put(&Setting::Eevdf).unwrap();
    charge.check().unwrap();
    assert!(loaders().is_empty());
}

#[test]
fn another_scheduler_that_does_not_load_is_named_and_its_end_is_noticed() {
    let _alone = alone();
    let mut charge = charge().unwrap();
    let wrong = Setting::Outside {
        command: vec![loader().to_string_lossy().into_owned(), "--no-such".into()],
    };
    let error = format!("{:#}", charge.put(&wrong).unwrap_err());
    assert!(
        error.starts_with("--also '") && error.contains("--no-such': cannot"),
        "{error}"
    );
    assert!(error.contains("it said:"), "{error}");

    charge.put(&outside("fifo")).unwrap();
    let [process] = loaders()[..] else {
        panic!("not one loader: {:?}", loaders());
    };
    sys::kill(process, libc::SIGKILL).unwrap();
    // It is unloaded before it has ended.
    await_that("word of its end", || {
        let said = charge.check();
        said.is_err_and(|error| format!("{error:#}").contains("ended (signal: 9"))
    });
    assert_eq!(scx::state().unwrap(), "disabled");
}

#[test]
fn processes_replace_each_other() {
    let _alone = alone();
    let mut charge = charge().unwrap();
    let replace = Setting::Replace {
        weights: weights(),
        period_us: 800_000,
    };
    let before = scx::enable_seq().unwrap();
    charge.put(&replace).unwrap();
    assert_eq!(scx::state().unwrap(), "enabled");
    let start = Instant::now();
    while charge.replaced().unwrap().count < 3 {
        assert!(start.elapsed() < LIMIT, "{:?}", charge.replaced());
        thread::sleep(Duration::from_millis(20));
        charge.check().unwrap();
    }
    let replaced = charge.replaced().unwrap();
    println!("{replaced:?} in {:?}", start.elapsed());
    assert!(replaced.nobody > Duration::ZERO && replaced.nobody < start.elapsed());
    charge.settle(LEAST).unwrap();
    charge.put(&hold("vtime")).unwrap();
    assert_eq!(active(), "vtime");
    assert_eq!(charge.replaced(), None);
    assert!(scx::enable_seq().unwrap() >= before + 5);
}

#[test]
fn it_settles_under_load_too() {
    let _alone = alone();
    let mut charge = charge().unwrap();
    // The load is there for what follows: beside it, loading alone would take most of the time.
    charge.put(&hold("fifo")).unwrap();
    let _load = Load::start(&load::mixed(2), LIMIT).unwrap();
    let rotate = Setting::Rotate {
        weights: weights(),
        period_us: 100_000,
    };
    for setting in [hold("nest"), rotate, hold("vtime"), hold("fifo")] {
        let start = Instant::now();
        charge.put(&setting).unwrap();
        let put = start.elapsed();
        let settled = charge.settle(LEAST).unwrap();
        println!("{setting}: put in {put:?}, settled in {settled:?}");
        charge.check().unwrap();
    }
}

#[test]
fn a_scheduler_that_is_gone_is_noticed() {
    let _alone = alone();
    let mut charge = charge().unwrap();
    charge.put(&hold("fifo")).unwrap();
    charge.check().unwrap();
    let [loader] = loaders()[..] else {
        panic!("not one loader: {:?}", loaders());
    };
    sys::kill(loader, libc::SIGKILL).unwrap();
    scx::await_disabled(STOP_LIMIT).unwrap();
    let error = format!("{:#}", charge.check().unwrap_err());
    assert!(error.contains("scx_meta"), "{error}");
    assert!(charge.put(&Setting::Eevdf).is_err());
}

#[test]
fn somebody_elses_scheduler_is_refused_beforehand() {
    let _alone = alone();
    let mut other = charge().unwrap();
    other.put(&hold("fifo")).unwrap();
    let error = format!("{:#}", charge().err().unwrap());
    assert!(error.contains("already running"), "{error}");
}

/// Its process is killed by the test below.
#[test]
#[ignore = "another test starts it"]
fn victim() {
    let Ok(folder) = env::var(VICTIM_FOLDER) else {
        return;
    };
    let mut charge = charge().unwrap();
    charge.put(&hold("vtime")).unwrap();
    fs::write(Path::new(&folder).join("up"), "").unwrap();
    thread::sleep(LIMIT);
}

#[test]
fn no_scheduler_outlives_us_if_we_are_killed() {
    let _alone = alone();
    let folder = TempDir::new_in("/run").unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "charge::victim", "--ignored"])
        .env(VICTIM_FOLDER, folder.path())
        .stdout(Stdio::null());
    let mut victim = sys::in_own_group(&mut command, libc::SIGKILL)
        .spawn()
        .unwrap();
    await_that("victim", || folder.path().join("up").exists());
    assert_eq!(scx::state().unwrap(), "enabled");
    sys::kill(victim.id(), libc::SIGKILL).unwrap();
    victim.wait().unwrap();
    scx::await_disabled(STOP_LIMIT).unwrap();
    // It holds its lock a little longer, and the next test needs that.
    await_that("end of its process", || {
        let error = Live::open(&Machine::default()).err().unwrap();
        error.downcast_ref() == Some(&scx_meta::Error::Died)
    });
}
