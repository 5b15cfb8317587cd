// SPDX-License-Identifier: GPL-2.0-only
//! The machine itself fails: memory runs out, the clock on the wall jumps.

use std::time::Duration;
use std::{fs, io, thread};

use labkit::scx;
use labkit::watch::Watch;

use super::harm::{fair_wait, Harm};
use crate::cgroups::Cgroup;
use crate::maps::PIN_DIR;
use crate::scheduler::Scheduler;
use crate::{bound, loads, tier};

const BUSY: usize = 3;
const ASLEEP: usize = 4;

const TURN: Duration = Duration::from_millis(5);

/// The killer looks for a victim, and the kernel unloads what it had.
const KILL_LIMIT: Duration = Duration::from_secs(20);

fn fair() -> Duration {
    fair_wait(BUSY, bound::cpus())
}

fn beside_load(scheduler: Scheduler) -> Harm {
    scheduler.all_take_turns(TURN);
    Harm::beside(scheduler, Watch::start(BUSY, ASLEEP).unwrap())
}

/// As SIGKILL: the default scheduler is back at once.
#[test]
fn a_loader_that_is_killed_for_its_memory_harms_nobody() {
    let mut harm = beside_load(Scheduler::start(&["--policies", "fifo,nest,rustland"]));
    harm.phase("out of memory", Duration::from_secs(1) + fair(), |harm| {
        let pid = harm.scheduler().pid();
        fs::write(format!("/proc/{pid}/oom_score_adj"), "1000").unwrap();
        let mut scheduler = harm.lose_scheduler();
        fs::write("/proc/sysrq-trigger", "f").unwrap();
        let back = scx::await_disabled(KILL_LIMIT);
        let status = scheduler.wait();
        println!("the loader ended: {status}");
        back.unwrap();
        assert!(!status.success(), "another one was the victim");
        1
    });
    fs::remove_dir_all(PIN_DIR).unwrap();
    harm.end();
}

/// What tasks cost is charged to the loader's cgroup: where that is full a fork fails, and nothing else.
/// The loader may be a victim of its own.
#[test]
fn tasks_that_find_no_memory_harm_nobody() {
    let mut harm = beside_load(Scheduler::start(&["--policies", "fifo,nest"]));
    let pid = harm.scheduler().pid();
    let full = Cgroup::create_with("+cpu +memory", "meta_full");
    full.take(pid);
    // Never the loader: that is the row above.
    fs::write(format!("/proc/{pid}/oom_score_adj"), "-1000").unwrap();
    let time = tier::seconds(0.5, 10.0);
    let many = tier::times(200, 2000);
    harm.phase("memory.max", fair_wait(BUSY + many, bound::cpus()), |_| {
        let used: u64 = full.read("memory.current").trim().parse().unwrap();
        full.write("memory.max", &(used + 16_384).to_string());
        let made = labkit::churn::forks(many, time);
        println!("forks while the loader's cgroup is full: {made:?}");
        full.write("memory.max", "max");
        assert!(made.made > 0, "{made:?}");
        made.made + made.failed
    });
    drop(full);
    harm.end();
}

/// Memory of a cgroup beside, again and again to its limit.
#[test]
fn memory_pressure_beside_it_harms_nobody() {
    let mut harm = beside_load(Scheduler::shared());
    let time = tier::seconds(1.0, 40.0);
    let tight = Cgroup::create_with("+cpu +memory", "meta_tight");
    tight.write("memory.max", "64M");
    let bound = fair_wait(BUSY + 4, bound::cpus());
    harm.phase("memory pressure", bound, |_| {
        let stress = loads::stress_in(&tight, "--vm 2 --vm-bytes 48M --oomable", time);
        stress.finish(time + Duration::from_secs(120)).unwrap();
        1
    });
    drop(tight);
    harm.end();
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    let mut harm = beside_load(Scheduler::shared());
    let time = tier::seconds(0.2, 3.0);
    let clock = RealClock::now();
    // 1971, 2020, 2037.
    for at_s in [31_536_010, 1_577_836_800, 2_145_830_400] {
        let generation = harm.scheduler().maps().status().generation;
        harm.phase(format!("the clock shows {at_s} s"), fair(), |_| {
            set_real_clock(Duration::from_secs(at_s)).unwrap();
            thread::sleep(time);
            1
        });
        let switches = harm.scheduler().maps().status().generation - generation;
        let due = time.as_secs_f64() / TURN.as_secs_f64();
        let said = format!("{switches} switches, {due:.0} were due");
        println!("{said}");
        // Boundaries that come early or late by a turn.
        harm.expect((switches as f64) > due / 2.0, said);
    }
    drop(clock);
    harm.end();
}

/// Puts the clock on the wall where it would be, at its end.
struct RealClock {
    real: Duration,
    monotonic: Duration,
}

impl RealClock {
    fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            real: since.unwrap(),
            monotonic: labkit::sys::monotonic(),
        }
    }
}

impl Drop for RealClock {
    fn drop(&mut self) {
        let passed = labkit::sys::monotonic() - self.monotonic;
        if let Err(error) = set_real_clock(self.real + passed) {
            eprintln!("the clock stays wrong: {error}");
        }
    }
}

fn set_real_clock(to: Duration) -> io::Result<()> {
    let to = libc::timespec {
        tv_sec: to.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(to.subsec_nanos() as i32),
    };
    // SAFETY: `to` lives across the call.
    match unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &to) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
