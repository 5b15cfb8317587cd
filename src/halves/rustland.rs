// SPDX-License-Identifier: GPL-2.0-only
//! The user-space half of `rustland`: it answers each task that waits with a
//! deadline. See bpf/policies/rustland.bpf.h.
//!
//! Once started it is scheduled before everybody it decides about, so between
//! two questions it does little and never waits for anything but questions.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::anyhow;
use anyhow::ensure;
use anyhow::Context;
use anyhow::Result;
use libbpf_rs::libbpf_sys;
use libbpf_rs::ErrorKind;
use libbpf_rs::MapHandle;
use libbpf_rs::RingBufferBuilder;
use libbpf_rs::UserRingBuffer;
use nix::libc;

use super::resident::Resident;
use super::Quit;
use super::Work;
use crate::bpf::abi;
use crate::bpf::BpfSkel;
use crate::policy::Policy;
use crate::stats;

/// How soon it sees that it is to end: in time, and in questions.
const POLL: Duration = Duration::from_millis(100);
const QUESTIONS: u32 = 256;

const MS: u64 = 1_000_000;

/// An answer to an older question only costs: the kernel's half has run the task
/// unasked, or is about to. After a stop of the loader there are thousands.
const STALE_NS: u64 = 4 * abi::meta_limits_META_RUSTLAND_SILENCE_US as u64 * 1000;

/// A task that gives up its CPU by itself this often a second, beside being
/// asked about, gets half the request of one that never does.
const SWITCHES_A_HALF: f64 = 10.0;
const SWITCHES_MAX: f64 = 1000.0;

/// Shorter times between two questions say little about a rate.
const RATE_MIN_NS: u64 = 5 * MS;

/// Who was not asked about for this long is forgotten.
const FORGET_NS: u64 = 10_000 * MS;

const DEFAULT_WEIGHT: f64 = 100.0;

/// What is known of a task.
struct Known {
    started_at: u64,
    switches: u64,
    counted_ns: u64,
    /// Switches a second, a moving average.
    rate: f64,
}

/// Orders tasks: virtual runtime, and those that switch often first. Pure.
struct Order {
    slice_ns: u64,
    tasks: HashMap<u32, Known>,
}

impl Order {
    fn new(slice_ns: u64) -> Self {
        Self {
            slice_ns,
            tasks: HashMap::new(),
        }
    }

    fn deadline_ns(&mut self, task: &abi::meta_rustland_task, now_ns: u64) -> u64 {
        let boost = 1.0 + self.rate(task, now_ns).min(SWITCHES_MAX) / SWITCHES_A_HALF;
        let weight = f64::from(task.weight.max(1)) / DEFAULT_WEIGHT;
        let request_ns = self.slice_ns as f64 / (weight * boost);
        task.vtime_ns.wrapping_add(request_ns as u64)
    }

    fn rate(&mut self, task: &abi::meta_rustland_task, now_ns: u64) -> f64 {
        let fresh = || Known {
            started_at: task.started_at,
            switches: task.switches,
            counted_ns: now_ns,
            rate: 0.0,
        };
        let known = self.tasks.entry(task.pid).or_insert_with(fresh);
        if known.started_at != task.started_at {
            *known = fresh();
        }
        let time_ns = now_ns.saturating_sub(known.counted_ns);
        if time_ns >= RATE_MIN_NS {
            let switches = task.switches.saturating_sub(known.switches);
            let rate = switches as f64 / Duration::from_nanos(time_ns).as_secs_f64();
            known.rate = 0.75 * known.rate + 0.25 * rate;
            known.switches = task.switches;
            known.counted_ns = now_ns;
        }
        known.rate
    }

    fn forget(&mut self, now_ns: u64) {
        self.tasks
            .retain(|_, known| now_ns.saturating_sub(known.counted_ns) < FORGET_NS);
    }
}

/// The maps that join the two halves.
pub struct Rustland {
    policy: Policy,
    slice_ns: u64,
    up: MapHandle,
    down: MapHandle,
    here: OwnedFd,
}

impl Rustland {
    /// Of a loaded program.
    pub fn new(slice_us: u32, skel: &BpfSkel<'_>) -> Result<Self> {
        Ok(Self {
            policy: Policy::from_id(abi::meta_policy_META_RUSTLAND)
                .ok_or_else(|| anyhow!("no policy rustland"))?,
            slice_ns: u64::from(slice_us) * 1000,
            up: MapHandle::try_from(&skel.maps.rustland_up)?,
            down: MapHandle::try_from(&skel.maps.rustland_down)?,
            here: skel.progs.rustland_here.as_fd().try_clone_to_owned()?,
        })
    }

    /// From now on no policy queues the calling thread.
    fn make_known(&self) -> Result<()> {
        let mut opts = libbpf_sys::bpf_test_run_opts {
            sz: size_of::<libbpf_sys::bpf_test_run_opts>() as _,
            ..Default::default()
        };
        // SAFETY: the descriptor is open and a zeroed context is a valid one.
        let ret = unsafe { libbpf_sys::bpf_prog_test_run_opts(self.here.as_raw_fd(), &mut opts) };
        if ret < 0 {
            return Err(io::Error::from_raw_os_error(-ret)).context("running rustland_here");
        }
        let retval = opts.retval as i32;
        ensure!(retval == 0, "rustland_here returned {retval}");
        Ok(())
    }
}

/// A full buffer is no error: the kernel's half does without the answer.
fn send(down: &UserRingBuffer, asking: u64, pid: u32, deadline_ns: u64) {
    let Ok(mut sample) = down.reserve(size_of::<abi::meta_rustland_answer>()) else {
        return;
    };
    sample[..8].copy_from_slice(&asking.to_ne_bytes());
    sample[8..16].copy_from_slice(&deadline_ns.to_ne_bytes());
    sample[16..20].copy_from_slice(&pid.to_ne_bytes());
    sample[20..24].fill(0);
    // It cannot fail, says its source.
    let _ = down.submit(sample);
}

/// What cannot be read is not answered, like what comes too late.
fn answer(order: &mut Order, down: &UserRingBuffer, bytes: &[u8]) {
    let question = stats::from_bytes::<abi::meta_rustland_task>(bytes);
    let (Ok(task), Ok(now_ns)) = (question, stats::now_ns()) else {
        return;
    };
    if now_ns.saturating_sub(task.asked_at) <= STALE_NS {
        let deadline_ns = order.deadline_ns(&task, now_ns);
        send(down, task.asking, task.pid, deadline_ns);
    }
}

impl Work for Rustland {
    fn policy(&self) -> Policy {
        self.policy
    }

    fn run(&self, quit: &Quit) -> Result<()> {
        let down = UserRingBuffer::new(&self.down).context("opening rustland_down")?;
        let order = RefCell::new(Order::new(self.slice_ns));
        let mut heard = 0u32;
        let mut builder = RingBufferBuilder::new();
        builder
            .add(&self.up, |bytes| {
                answer(&mut order.borrow_mut(), &down, bytes);
                heard = heard.wrapping_add(1);
                match heard % QUESTIONS {
                    0 => -libc::EINTR,
                    _ => 0,
                }
            })
            .context("opening rustland_up")?;
        let up = builder.build().context("opening rustland_up")?;
        let _resident = Resident::new(self.policy.name());
        self.make_known()?;

        let mut cleaned_ns = stats::now_ns()?;
        while !quit.within(Duration::ZERO) {
            // Not every question wakes it.
            match up.poll(POLL).and_then(|()| up.consume()) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    return Err(error).context("waiting for rustland_up");
                }
                _ => (),
            }
            let now_ns = stats::now_ns()?;
            if now_ns.saturating_sub(cleaned_ns) >= FORGET_NS {
                cleaned_ns = now_ns;
                order.borrow_mut().forget(now_ns);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICE_NS: u64 = 20_000_000;

    fn asked(pid: u32, switches: u64) -> abi::meta_rustland_task {
        abi::meta_rustland_task {
            asking: 1,
            asked_at: 0,
            started_at: 7,
            vtime_ns: 1_000_000_000,
            switches,
            pid,
            weight: 100,
        }
    }

    /// Asked about `times` times, 10 ms apart, `switches` more each time.
    fn settled(order: &mut Order, pid: u32, switches: u64, times: u64) -> (u64, u64) {
        let mut last = (0, 0);
        for i in 0..times {
            let now_ns = (7 + 10 * i) * MS;
            last = (order.deadline_ns(&asked(pid, switches * i), now_ns), now_ns);
        }
        last
    }

    #[test]
    fn who_switches_often_is_first() {
        let mut order = Order::new(SLICE_NS);
        let (hog, _) = settled(&mut order, 1, 0, 50);
        let (sleeper, _) = settled(&mut order, 2, 1, 50);
        assert_eq!(hog, 1_000_000_000 + SLICE_NS);
        // 100 switches a second: an eleventh of the request.
        let request = sleeper - 1_000_000_000;
        assert!(
            (SLICE_NS / 12..SLICE_NS / 10).contains(&request),
            "{request}"
        );
    }

    #[test]
    fn weight_shortens_the_request() {
        let mut order = Order::new(SLICE_NS);
        let mut task = asked(1, 0);
        task.weight = 1000;
        let deadline = order.deadline_ns(&task, 7 * MS);
        assert_eq!(deadline, 1_000_000_000 + SLICE_NS / 10);
    }

    #[test]
    fn a_new_task_of_an_old_id_inherits_nothing() {
        let mut order = Order::new(SLICE_NS);
        let (_, now_ns) = settled(&mut order, 1, 5, 50);
        let mut task = asked(1, 0);
        task.started_at += 1;
        assert_eq!(order.deadline_ns(&task, now_ns), 1_000_000_000 + SLICE_NS);
    }

    #[test]
    fn who_is_not_asked_about_is_forgotten() {
        let mut order = Order::new(SLICE_NS);
        let (_, now_ns) = settled(&mut order, 1, 1, 2);
        order.forget(now_ns + FORGET_NS / 2);
        assert_eq!(order.tasks.len(), 1);
        order.forget(now_ns + FORGET_NS);
        assert!(order.tasks.is_empty());
    }

    proptest::proptest! {
        /// A deadline is never before the task's virtual runtime, nor more than its weight's request
        /// behind it, whatever was asked.
        #[test]
        fn whatever_is_asked_has_an_answer(
            questions: Vec<([u64; 5], u32, u32, u64)>,
        ) {
            let mut order = Order::new(SLICE_NS);
            for ([asking, asked_at, started_at, vtime_ns, switches], pid, weight, now_ns) in questions {
                let task = abi::meta_rustland_task {
                    asking,
                    asked_at,
                    started_at,
                    vtime_ns,
                    switches,
                    pid: pid % 4,
                    weight,
                };
                let request_ns = order.deadline_ns(&task, now_ns).wrapping_sub(vtime_ns);
                let longest_ns = 100 * SLICE_NS / u64::from(weight.max(1));
                proptest::prop_assert!(request_ns <= longest_ns, "{request_ns}");
            }
        }
    }
}
