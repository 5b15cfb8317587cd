// SPDX-License-Identifier: GPL-2.0-only
//! --auto: the policy that serves the load takes charge, and whatever a person says overrides it.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fs, thread};

use labkit::hotplug::{self, AsBefore};
use labkit::process;
use labkit::task::Task;
use scx_meta::auto::Learned;
use scx_meta::live::Live;
use scx_meta::machine::Machine;

use crate::maps::policy;
use crate::scheduler::{self, Scheduler};
use crate::{bound, loads, own, tier};

/// Beside busy tasks who wakes up waits for a slice under fifo, and hardly under eevdf. A third of the
/// time may go to trials, so that a test takes seconds.
const OPTIONS: [&str; 7] = [
    "--auto=fifo,eevdf",
    "--goal",
    "latency",
    "--explore",
    "30",
    "--auto-turn",
    "50ms",
];

/// Some turns, and what a slow machine adds.
const SOON: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(20);

struct Auto {
    /// Ends before the scheduler does, whose counters are to add up then.
    _load: Vec<Task>,
    scheduler: Scheduler,
    live: Live,
}

impl Auto {
    fn start() -> Self {
        Self::start_with(&OPTIONS)
    }

    fn start_with(options: &[&str]) -> Self {
        let scheduler = Scheduler::start(options);
        let cpus = bound::cpus();
        let mut load = loads::hogs(2 * cpus);
        load.extend(loads::sleepers(&vec![3; 2 * cpus]));
        Self {
            live: Live::open(&Machine::default()).unwrap(),
            scheduler,
            _load: load,
        }
    }

    fn learned(&self) -> Learned {
        self.live.learned().unwrap().unwrap()
    }

    fn await_in_charge(&self, name: &str) {
        let found = process::await_that(SOON, LOOK, || self.learned().in_charge == policy(name));
        assert!(found, "{name} is not in charge: {:?}", self.learned());
    }

    /// For some turns nobody else is active.
    fn stays(&self, name: &str) {
        let becomes = || self.scheduler.maps().status().active == policy(name).id();
        assert!(
            process::await_that(SOON, LOOK, becomes),
            "{name} is not active"
        );
        for _ in 0..40 {
            assert!(becomes(), "{name} is not active any more");
            thread::sleep(LOOK);
        }
    }
}

fn run(args: &[&str]) -> String {
    let output = scheduler::run(args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_policy_that_serves_the_load_takes_charge_and_people_override_it() {
    let mut auto = Auto::start();
    auto.scheduler
        .await_said("--auto chooses among fifo, eevdf");
    assert_eq!(auto.learned().in_charge, policy("fifo"), "it comes first");
    auto.await_in_charge("eevdf");
    thread::sleep(tier::seconds(2.0, 20.0));
    let learned = auto.learned();
    println!("{learned:?}\n{}", run(&["status"]));
    assert_eq!(learned.in_charge, policy("eevdf"));
    assert_eq!(learned.changes, 1);
    let fifo = learned.estimates[0];
    let [ratio, _, high] = fifo.ratio.unwrap();
    assert!(
        ratio < 0.8 && high < 1.0,
        "fifo serves it as well: {fifo:?}"
    );

    let status = auto.scheduler.status_json();
    assert_eq!(status["auto"]["in_charge"], "eevdf");
    assert_eq!(status["auto"]["estimates"][0]["name"], "fifo");

    run(&["pin", "fifo"]);
    auto.stays("fifo");
    run(&["unpin"]);
    auto.await_in_charge("eevdf");
    run(&["set", "fifo=1"]);
    auto.stays("fifo");
    let said = run(&["auto", "on"]);
    assert!(said.contains("# fifo: weight 1 -> 0"), "{said}");
    let active = || auto.scheduler.maps().status().active;
    let eevdf = policy("eevdf").id();
    assert!(process::await_that(SOON, LOOK, || active() == eevdf));
    run(&["auto", "off"]);
    auto.stays("eevdf");
    assert_eq!(auto.live.pin().unwrap(), Some(policy("eevdf")));
    run(&["auto", "on"]);
    assert_eq!(auto.live.pin().unwrap(), None);
    auto.scheduler.assert_healthy();
}

#[test]
fn it_chooses_while_the_loader_sleeps_and_while_cpus_go() {
    let mut auto = Auto::start();
    auto.scheduler.suspend();
    auto.await_in_charge("eevdf");
    let before = auto.learned();
    let as_before = AsBefore::at_the_end().unwrap();
    for cpu in hotplug::removable().unwrap() {
        hotplug::off(cpu).unwrap();
        thread::sleep(tier::seconds(0.3, 3.0));
        hotplug::on(cpu).unwrap();
    }
    drop(as_before);
    let eevdf = policy("eevdf");
    assert!(process::await_that(SOON, LOOK, || auto.learned().in_charge == eevdf));
    let after = auto.learned();
    println!("{before:?}\n{after:?}");
    let trials = |learned: &Learned| learned.estimates[0].trials;
    let goes_on = || trials(&auto.learned()) > trials(&after);
    assert!(process::await_that(SOON, LOOK, goes_on), "no more trials");
    auto.scheduler.resume();
    auto.scheduler.assert_healthy();
}

/// Without --auto `auto on` changes nothing, and says why.
#[test]
fn a_program_without_it_is_not_switched_to_it() {
    let scheduler = Scheduler::shared();
    let output = scheduler::run(&["auto", "on"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(said, "scx_meta: this scx_meta was started without --auto\n");
    assert_eq!(scheduler.status_json()["auto"], serde_json::Value::Null);
}

/// The program counts what turns came to, and no more than happened.
#[test]
fn signals_tell_of_sleeps_waits_and_cpu_time() {
    let scheduler = Scheduler::start(&["--signals", "--pin", "eevdf"]);
    let live = Live::open(&Machine::default()).unwrap();
    let cpus = bound::cpus() as u64;
    let hogs = loads::hogs(bound::cpus());
    let sleepers = loads::sleepers(&[5, 5, 5, 5]);
    thread::sleep(tier::seconds(3.0, 10.0));
    let signals = live.signals(policy("eevdf").id()).unwrap();
    drop((hogs, sleepers));
    println!("{signals:?}");
    assert!(signals.turns >= 10, "{signals:?}");
    // Each of the four sleeps a little more than 5 ms at a time.
    let a_second = |count: u64| count as f64 * 1e9 / signals.ns as f64;
    let bursts = a_second(signals.bursts);
    assert!(
        (200.0..1200.0).contains(&bursts),
        "{bursts} sleeps a second"
    );
    let wakes = a_second(signals.wakes);
    assert!(
        (wakes / bursts - 1.0).abs() < 0.2,
        "{wakes} of {bursts} woke up"
    );
    let all = cpus * signals.ns;
    assert!(
        signals.cpu_ns > all / 2 && signals.cpu_ns < all / 20 * 21,
        "{signals:?}"
    );
    assert!(signals.hog_ns < signals.cpu_ns, "{signals:?}");
    assert!(signals.hog_ns > all / 2, "{signals:?}");
    drop(scheduler);
}

/// An application that does something every 3 ms, if it gets a CPU, and says in a file how often it has.
struct Application {
    file: tempfile::NamedTempFile,
    quit: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Application {
    fn start() -> Self {
        let file = tempfile::NamedTempFile::new_in("/run").unwrap();
        fs::write(file.path(), "0").unwrap();
        let (path, quit) = (file.path().to_owned(), Arc::new(AtomicBool::new(false)));
        let told = Arc::clone(&quit);
        let thread = thread::spawn(move || {
            for done in 1u64.. {
                thread::sleep(Duration::from_millis(3));
                // In place: a file that is made anew is empty for a moment.
                fs::OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .and_then(|mut file| file.write_all(done.to_string().as_bytes()))
                    .unwrap();
                if told.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        Self {
            file,
            quit,
            thread: Some(thread),
        }
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.quit.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// What the application says decides, read from a file or counted by calls.
#[test]
fn the_applications_own_word_decides() {
    let application = Application::start();
    let file = format!("file:{}", application.file.path().display());
    let calls = format!("uprobe:{}:clock_nanosleep", libc_path());
    for source in [file, calls] {
        let mut options: Vec<&str> = vec!["--auto=fifo,eevdf", "--reward", &source];
        options.extend(["--explore", "30", "--auto-turn", "100ms"]);
        let mut auto = Auto::start_with(&options);
        auto.await_in_charge("eevdf");
        let learned = auto.learned();
        println!("{source}: {learned:?}");
        let [ratio, ..] = learned.estimates[0].ratio.unwrap();
        assert!(ratio < 0.8, "{source}: fifo serves it as well");
        auto.scheduler.assert_healthy();
    }
}

#[test]
fn a_source_that_says_nothing_is_refused_before_anything_is_in_charge() {
    let _machine = own::Machine::take();
    for (source, why) in [
        ("file:/no/such/file", "No such file"),
        ("cmd:echo many", "`many` is no number"),
        ("uprobe:/bin/sh:no_such_function", "No such file"),
    ] {
        let output = scheduler::run(&["--auto", "--reward", source]);
        let said = String::from_utf8(output.stderr).unwrap();
        println!("{said}");
        assert_eq!(output.status.code(), Some(1), "{source}");
        let last = said.lines().last().unwrap_or_default();
        assert!(last.contains(&format!("--reward {source}")), "{said}");
        assert!(said.contains(why), "{said}");
    }
}

/// Where this process has its own one from.
fn libc_path() -> String {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut files = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    files
        .find(|file| file.contains("/libc.so"))
        .unwrap()
        .to_owned()
}
