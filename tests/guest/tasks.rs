// SPDX-License-Identifier: GPL-2.0-only
//! Threads that show by themselves that they are not forgotten: each has a
//! heartbeat and notes the longest time between two of its beats.

use std::fs;
use std::hint::black_box;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::cpu_ns;
use crate::clock::ms;
use crate::clock::now_ns;
use crate::clock::wait_for;

const START_LIMIT: Duration = Duration::from_secs(60);

/// Work between two beats of a busy thread: some 10 µs, emulated.
const SPINS_A_BEAT: u32 = 200;

#[derive(Default)]
struct Beat {
    tid: AtomicI32,
    stop: AtomicBool,
    last_ns: AtomicU64,
    longest_gap_ns: AtomicU64,
}

impl Beat {
    fn start(&self) {
        self.last_ns.store(now_ns(), Relaxed);
        // SAFETY: no arguments, no failure.
        self.tid.store(unsafe { libc::gettid() }, Relaxed);
    }

    fn beat(&self) {
        let now = now_ns();
        let last = self.last_ns.swap(now, Relaxed);
        self.longest_gap_ns
            .fetch_max(now.saturating_sub(last), Relaxed);
    }
}

/// A thread with a heartbeat. It ends when dropped.
pub struct Task {
    beat: Arc<Beat>,
    thread: Option<JoinHandle<()>>,
}

/// How a busy thread differs from an ordinary one.
#[derive(Clone, Copy, Default)]
pub struct Hog {
    pub nice: i32,
    pub cpu: Option<usize>,
}

fn set_nice(nice: i32) {
    // SAFETY: integers only; 0 is the calling thread.
    let ret = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
    assert_eq!(ret, 0, "setpriority {nice}");
}

/// The calling thread, from now on.
pub fn bind_to(cpus: &[usize]) {
    // SAFETY: an all-zero set is the empty one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: CPU_SET checks the bounds; `set` outlives the call.
    let ret = unsafe {
        cpus.iter().for_each(|cpu| libc::CPU_SET(*cpu, &mut set));
        libc::sched_setaffinity(0, size_of_val(&set), &set)
    };
    assert_eq!(ret, 0, "sched_setaffinity {cpus:?}");
}

pub fn spin(spins: u32) {
    for i in 0..spins {
        black_box(i);
    }
}

impl Task {
    fn spawn(work: impl FnOnce(&dyn Fn() -> bool, &dyn Fn()) + Send + 'static) -> Self {
        let beat = Arc::new(Beat::default());
        let mine = Arc::clone(&beat);
        let thread = thread::spawn(move || {
            mine.start();
            work(&|| mine.stop.load(Relaxed), &|| mine.beat());
        });
        let task = Self {
            beat,
            thread: Some(thread),
        };
        assert!(
            wait_for(START_LIMIT, Duration::from_millis(1), || task.tid() != 0),
            "a new thread never ran"
        );
        task
    }

    /// Busy all the time.
    pub fn hog(hog: Hog) -> Self {
        Self::spawn(move |stopped, beat| {
            if hog.nice != 0 {
                set_nice(hog.nice);
            }
            if let Some(cpu) = hog.cpu {
                bind_to(&[cpu]);
            }
            while !stopped() {
                spin(SPINS_A_BEAT);
                beat();
            }
        })
    }

    /// Busy on `home` until it is `free`, then, after a nap, anywhere in `cpus`.
    pub fn roamer(home: usize, cpus: [usize; 2], free: Arc<AtomicBool>) -> Self {
        Self::spawn(move |stopped, beat| {
            let busy_while = |goes_on: &dyn Fn() -> bool| {
                while goes_on() && !stopped() {
                    spin(SPINS_A_BEAT);
                    beat();
                }
            };
            bind_to(&[home]);
            busy_while(&|| !free.load(Relaxed));
            bind_to(&cpus);
            thread::sleep(Duration::from_millis(1));
            busy_while(&|| true);
        })
    }

    /// `count` ordinary busy threads.
    pub fn hogs(count: usize) -> Vec<Self> {
        (0..count).map(|_| Self::hog(Hog::default())).collect()
    }

    /// Sleeps, works a little, and so on. The gap between two beats is the
    /// nap and what it waited for a CPU.
    pub fn sleeper(nap: Duration) -> Self {
        Self::sleeper_on(None, nap)
    }

    /// A sleeper that may run on one CPU only.
    pub fn sleeper_on(cpu: Option<usize>, nap: Duration) -> Self {
        Self::spawn(move |stopped, beat| {
            if let Some(cpu) = cpu {
                bind_to(&[cpu]);
            }
            while !stopped() {
                thread::sleep(nap);
                spin(SPINS_A_BEAT);
                beat();
            }
        })
    }

    fn tid(&self) -> i32 {
        self.beat.tid.load(Relaxed)
    }

    pub fn cpu_ns(&self) -> u64 {
        cpu_ns(self.tid())
    }

    /// The CPU it is on, or was last.
    pub fn last_cpu(&self) -> usize {
        let stat = fs::read_to_string(format!("/proc/self/task/{}/stat", self.tid())).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        fields.split_whitespace().nth(36).unwrap().parse().unwrap()
    }

    /// The longest time without a beat since the last reset, up to now.
    pub fn longest_gap_ns(&self) -> u64 {
        let waiting = now_ns().saturating_sub(self.beat.last_ns.load(Relaxed));
        self.beat.longest_gap_ns.load(Relaxed).max(waiting)
    }

    /// Forgets past gaps; one under way counts from now on.
    pub fn reset_gap(&self) {
        self.beat.last_ns.store(now_ns(), Relaxed);
        self.beat.longest_gap_ns.store(0, Relaxed);
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.beat.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "a task panicked");
        }
    }
}

/// The longest gap of any; prints all of them.
pub fn longest_gap_ns(what: &str, tasks: &[Task]) -> u64 {
    let gaps: Vec<u64> = tasks.iter().map(Task::longest_gap_ns).collect();
    let text: Vec<String> = gaps.iter().map(|gap| format!("{:.0}", ms(*gap))).collect();
    println!("{what}: longest gaps {} ms", text.join(" "));
    gaps.into_iter().max().unwrap_or(0)
}
