// SPDX-License-Identifier: GPL-2.0-only
//! Nobody starves while policies take turns, and nobody is lost.

use std::thread;
use std::time::Duration;

use scx_meta::policy::Policy;

use crate::bound;
use crate::bound::SLICE_NS;
use crate::clock::ms;
use crate::clock::now_ns;
use crate::clock::sleep_until_ns;
use crate::clock::MS;
use crate::counters::assert_conserved;
use crate::counters::longest_wait_ns;
use crate::load::Load;
use crate::maps::policy;
use crate::maps::Maps;
use crate::maps::NO_PIN;
use crate::realtime::RealTime;
use crate::scheduler::all_equal;
use crate::scheduler::Scheduler;
use crate::tasks::longest_gap_ns;
use crate::tasks::Hog;
use crate::tasks::Task;

/// --stats-json makes the program measure waits.
fn start(base_slice: &str, handover: &str) -> Scheduler {
    Scheduler::start(&[
        "--weights",
        &all_equal(),
        "--base-slice",
        base_slice,
        "--handover",
        handover,
        "--stats-json",
    ])
}

#[test]
fn no_task_starves_at_1ms_when_queues_are_drained() {
    no_task_starves_at_1ms("drain");
}

#[test]
fn no_task_starves_at_1ms_when_tasks_are_adopted() {
    no_task_starves_at_1ms("adopt");
}

fn no_task_starves_at_1ms(handover: &str) {
    let mut scheduler = start("1ms", handover);
    let hogs = Task::hogs(8);
    let mut messaging = Load::endless_messaging();
    let mut forks = Load::stress("--fork 2 --quiet", 600);
    thread::sleep(Duration::from_secs(2));
    hogs.iter().for_each(Task::reset_gap);
    let busy = bound::mean_runnable(Duration::from_secs(60));
    let gap_ns = longest_gap_ns("hogs", &hogs);
    messaging.assert_running();
    forks.assert_running();
    scheduler.assert_healthy();
    let wait_ns = longest_wait_ns(scheduler.maps());
    drop((messaging, forks, hogs));

    println!("longest wait in a queue: {:.0} ms", ms(wait_ns));
    assert_conserved(scheduler.maps());
    let bound_ns = bound::longest_wait_ns(busy);
    assert!(gap_ns < bound_ns, "a busy task starved");
    assert!(wait_ns < bound_ns, "a task starved in a queue");
    scheduler.stop();
}

#[test]
fn no_task_starves_when_rotation_and_slice_resonate_when_queues_are_drained() {
    no_task_starves_when_rotation_and_slice_resonate("drain");
}

#[test]
fn no_task_starves_when_rotation_and_slice_resonate_when_tasks_are_adopted() {
    no_task_starves_when_rotation_and_slice_resonate("adopt");
}

/// Rotations of half a slice, a slice, and two, each begun at several
/// distances from the kernel's tick (HZ=250): an unlucky phase must not keep
/// anybody's queue from its turn.
fn no_task_starves_when_rotation_and_slice_resonate(handover: &str) {
    const TICK_NS: u64 = 4 * MS;
    const PHASES: u64 = 4;
    let mut scheduler = start("10ms", handover);
    let maps = scheduler.maps();
    let hogs = Task::hogs(8);
    let bound_ns = bound::longest_wait_ns(hogs.len());
    let mut worst_ns = 0;
    for rotation_ns in [SLICE_NS / 2, SLICE_NS, 2 * SLICE_NS] {
        maps.set_period_us((rotation_ns / 1000) as u32);
        for phase in 0..PHASES {
            rotate_from(maps, TICK_NS, phase * TICK_NS / PHASES);
            hogs.iter().for_each(Task::reset_gap);
            thread::sleep(Duration::from_secs(3));
            let what = format!("rotation {:.0} ms, tick + {phase} ms", ms(rotation_ns));
            worst_ns = worst_ns.max(longest_gap_ns(&what, &hogs));
        }
    }
    let wait_ns = longest_wait_ns(maps);
    println!("longest wait in a queue: {:.0} ms", ms(wait_ns));
    drop(hogs);
    assert_conserved(maps);
    assert!(worst_ns < bound_ns, "a busy task starved");
    assert!(wait_ns < bound_ns, "a task starved in a queue");
    scheduler.assert_healthy();
    scheduler.stop();
}

/// A rotation begins when a pin is removed, and that is seen within 5 ms; so
/// the pin's end is where the phase is set.
fn rotate_from(maps: &Maps, tick_ns: u64, phase_ns: u64) {
    maps.set_pin(policy("fifo").id());
    thread::sleep(Duration::from_millis(200));
    let _real_time = RealTime::enter();
    let tick = now_ns() / tick_ns + 2;
    sleep_until_ns(tick * tick_ns + phase_ns);
    maps.set_pin(NO_PIN);
    apply();
}

/// Looks at the maps at once, as `scx_meta unpin` does.
fn apply() {
    let machine = scx_meta::preflight::Machine::default();
    let live = scx_meta::live::Live::open(&machine).unwrap();
    live.apply().unwrap();
}

#[test]
fn pinned_hogs_do_not_starve_others_when_queues_are_drained() {
    pinned_hogs_do_not_starve_others("drain");
}

#[test]
fn pinned_hogs_do_not_starve_others_when_tasks_are_adopted() {
    pinned_hogs_do_not_starve_others("adopt");
}

fn pinned_hogs_do_not_starve_others(handover: &str) {
    let mut scheduler = start("100ms", handover);
    let bound_to_each = (0..bound::cpus()).flat_map(|cpu| [cpu, cpu]);
    let pinned: Vec<Task> = bound_to_each
        .map(|cpu| {
            Task::hog(Hog {
                cpu: Some(cpu),
                ..Hog::default()
            })
        })
        .collect();
    let free = Task::hogs(4);
    let sleepers = [Task::sleeper(Duration::from_millis(10))];
    let bound_ns = bound::longest_wait_ns(pinned.len() + free.len() + sleepers.len());
    thread::sleep(Duration::from_secs(1));
    for task in pinned.iter().chain(&free).chain(&sleepers) {
        task.reset_gap();
    }
    thread::sleep(Duration::from_secs(20));
    let gaps_ns = [
        longest_gap_ns("pinned", &pinned),
        longest_gap_ns("free", &free),
        longest_gap_ns("sleeper", &sleepers),
    ];
    let wait_ns = longest_wait_ns(scheduler.maps());
    println!("longest wait in a queue: {:.0} ms", ms(wait_ns));
    drop((pinned, free, sleepers));
    assert_conserved(scheduler.maps());
    assert!(
        gaps_ns.into_iter().all(|gap| gap < bound_ns),
        "a task starved"
    );
    assert!(wait_ns < bound_ns, "a task starved in a queue");
    scheduler.assert_healthy();
    scheduler.stop();
}

/// Central queues a bound sleeper and counts on waking its CPU later; a switch
/// in between must not leave the task with a CPU that idles. Only an idle
/// machine can show that: a busy one looks into the queues all the time. The
/// turn that follows central's is longer than the bound.
#[test]
fn cpus4_no_sleeper_is_stranded_on_an_idle_machine() {
    let mut scheduler = Scheduler::start(&[
        "--weights",
        "central=1,fifo=3",
        "--base-slice",
        "500ms",
        "--stats-json",
    ]);
    let sleepers: Vec<Task> = (0..bound::cpus())
        .map(|cpu| Task::sleeper_on(Some(cpu), Duration::from_millis(1)))
        .collect();
    let bound_ns = bound::longest_wait_ns(sleepers.len());
    thread::sleep(Duration::from_secs(1));
    for sleeper in &sleepers {
        sleeper.reset_gap();
    }
    thread::sleep(Duration::from_secs(25));
    let gap_ns = longest_gap_ns("bound sleepers", &sleepers);
    drop(sleepers);
    assert_conserved(scheduler.maps());
    assert!(gap_ns < bound_ns, "a sleeper was stranded");
    scheduler.assert_healthy();
    scheduler.stop();
}

/// A task that found an idle CPU was never queued, so its place on a virtual
/// clock may be as old as it is itself. When others want its CPU it must not
/// keep it until it has caught up. Tasks of nice 19 put the clock far ahead
/// first; one CPU is left idle, or this thread would queue the last hog.
#[test]
fn det_no_old_place_on_a_clock_starves_who_comes_later() {
    let mut scheduler = start("100ms", "adopt");
    let lowest = || {
        Task::hog(Hog {
            nice: 19,
            ..Hog::default()
        })
    };
    let cpus = bound::cpus();
    // A hog and a sleeper share a CPU.
    let bound_ns = 5 * SLICE_NS;
    let mut starved = Vec::new();
    for policy in Policy::all() {
        scheduler.maps().set_pin(policy.id());
        let ahead: Vec<Task> = (0..2 * cpus).map(|_| lowest()).collect();
        thread::sleep(Duration::from_millis(700));
        drop(ahead);
        let nap = Duration::from_millis(10);
        let sleepers: Vec<Task> = (0..cpus)
            .map(|cpu| Task::sleeper_on(Some(cpu), nap))
            .collect();
        thread::sleep(Duration::from_millis(200));
        let hogs = Task::hogs(cpus - 1);
        sleepers.iter().for_each(Task::reset_gap);
        thread::sleep(Duration::from_millis(1500));
        if longest_gap_ns(policy.name(), &sleepers) >= bound_ns {
            starved.push(policy.name());
        }
        drop((sleepers, hogs));
    }
    assert_conserved(scheduler.maps());
    assert!(starved.is_empty(), "a sleeper starved under {starved:?}");
    scheduler.assert_healthy();
    scheduler.stop();
}
