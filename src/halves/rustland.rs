// SPDX-License-Identifier: GPL-2.0-only
//! The user-space half of `rustland`: it answers each task that waits with a
//! deadline, a slice and a CPU. See bpf/policies/rustland.bpf.h.
//!
//! Once started it is scheduled before everybody it decides about, so between
//! two questions it does little and never waits for anything but questions.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use anyhow::{anyhow, Context, Result};
use libbpf_rs::{ErrorKind, MapHandle, RingBufferBuilder, UserRingBuffer};
use nix::libc;

use super::resident::Resident;
use super::{Quit, Work};
use crate::bpf::{abi, BpfSkel};
use crate::policy::Policy;
use crate::tunables::Slice;
use crate::{call, stats, value};

/// How soon it sees that it is to end: in time, and in questions.
const POLL: Duration = Duration::from_millis(100);
const QUESTIONS: u32 = 256;

/// An answer to an older question only costs: the kernel's half has run the task
/// unasked, or is about to. After a stop of the loader there are thousands.
const STALE_NS: u64 = 4 * abi::meta_limits_META_RUSTLAND_SILENCE_US as u64 * 1000;

/// Of a task of the usual weight; others by theirs.
const TURN_US: u64 = 1_000;

/// What a task used since it slept last puts it off by no more slices than this.
const RAN_SLICES: u64 = 100;

const DEFAULT_WEIGHT: u64 = 100;

/// What a task is told.
#[derive(Debug, PartialEq, Eq)]
struct Turn {
    /// On the clock of virtual runtimes.
    deadline_ns: u64,
    slice_us: u32,
    /// The task does not wait if this one idles.
    cpu: u32,
}

/// Virtual runtime, and those that slept lately first; who weighs more runs for longer; where it was
/// last it finds its data in the caches. Pure.
fn turn(task: &abi::meta_rustland_task, slice_ns: u64) -> Turn {
    let put_off_ns = task.ran_ns.min(RAN_SLICES * slice_ns);
    let slice_us = TURN_US * u64::from(task.weight) / DEFAULT_WEIGHT;
    let most = abi::meta_limits_META_MAX_SLICE_US;
    let least = abi::meta_limits_META_MIN_SLICE_US;
    Turn {
        deadline_ns: task.vtime_ns.wrapping_add(put_off_ns),
        slice_us: slice_us.clamp(least.into(), most.into()) as u32,
        cpu: task.cpu,
    }
}

/// The maps that join the two halves.
pub(super) struct Rustland {
    policy: Policy,
    slice_ns: u64,
    up: MapHandle,
    down: MapHandle,
    here: OwnedFd,
}

impl Rustland {
    /// Of a loaded program.
    pub(super) fn new(slice: Slice, skel: &BpfSkel<'_>) -> Result<Self> {
        Ok(Self {
            policy: Policy::from_id(abi::meta_policy_META_RUSTLAND)
                .ok_or_else(|| anyhow!("no policy rustland"))?,
            slice_ns: slice.ns(),
            up: MapHandle::try_from(&skel.maps.rustland_up)?,
            down: MapHandle::try_from(&skel.maps.rustland_down)?,
            here: skel.progs.rustland_here.as_fd().try_clone_to_owned()?,
        })
    }

    /// From now on no policy queues the calling thread.
    fn make_known(&self) -> Result<()> {
        call::call(self.here.as_fd(), "rustland_here")
    }
}

/// A full buffer is no error: the kernel's half does without the answer.
fn send(down: &UserRingBuffer, task: &abi::meta_rustland_task, turn: &Turn) {
    let Ok(mut sample) = down.reserve(size_of::<abi::meta_rustland_answer>()) else {
        return;
    };
    sample.copy_from_slice(value::as_bytes(&abi::meta_rustland_answer {
        asking: task.asking,
        deadline_ns: turn.deadline_ns,
        pid: task.pid,
        slice_us: turn.slice_us,
        cpu: turn.cpu,
        unused: 0,
    }));
    // It cannot fail, says its source.
    let _ = down.submit(sample);
}

/// What cannot be read is not answered, like what comes too late.
fn answer(slice_ns: u64, down: &UserRingBuffer, bytes: &[u8]) {
    let question = value::from_bytes::<abi::meta_rustland_task>(bytes);
    let (Ok(task), Ok(now_ns)) = (question, stats::now_ns()) else {
        return;
    };
    if now_ns.saturating_sub(task.asked_at) <= STALE_NS {
        send(down, &task, &turn(&task, slice_ns));
    }
}

impl Work for Rustland {
    fn policy(&self) -> Policy {
        self.policy
    }

    fn run(&self, quit: &Quit) -> Result<()> {
        let down = UserRingBuffer::new(&self.down).context("opening rustland_down")?;
        let mut heard = 0u32;
        let mut builder = RingBufferBuilder::new();
        builder
            .add(&self.up, |bytes| {
                answer(self.slice_ns, &down, bytes);
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

        while !quit.within(Duration::ZERO) {
            // Not every question wakes it.
            match up.poll(POLL).and_then(|()| up.consume()) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    return Err(error).context("waiting for rustland_up");
                }
                _ => (),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLICE_NS: u64 = 20_000_000;

    fn asked(ran_ns: u64, weight: u32) -> Turn {
        let task = abi::meta_rustland_task {
            asking: 1,
            asked_at: 0,
            vtime_ns: 1_000_000_000,
            ran_ns,
            pid: 1,
            weight,
            cpu: 3,
            cpus: 4,
        };
        turn(&task, SLICE_NS)
    }

    #[test]
    fn who_slept_lately_is_first() {
        assert_eq!(asked(0, 100).deadline_ns, 1_000_000_000);
        assert_eq!(asked(7, 100).deadline_ns, 1_000_000_007);
        let most = 1_000_000_000 + 100 * SLICE_NS;
        assert_eq!(asked(u64::MAX, 100).deadline_ns, most);
    }

    #[test]
    fn a_task_stays_where_it_was() {
        assert_eq!(asked(0, 100).cpu, 3);
    }

    #[test]
    fn who_weighs_more_runs_for_longer() {
        assert_eq!(asked(0, 100).slice_us, 1_000);
        assert_eq!(asked(0, 250).slice_us, 2_500);
        assert_eq!(asked(0, 1).slice_us, 100);
        assert_eq!(asked(0, 10_000).slice_us, 100_000);
    }

    proptest::proptest! {
        /// A deadline is never before the task's virtual runtime, nor a slice out of bounds.
        #[test]
        fn whatever_is_asked_has_an_answer(
            [asking, asked_at, vtime_ns, ran_ns]: [u64; 4],
            [pid, weight, cpu, cpus]: [u32; 4],
        ) {
            let task = abi::meta_rustland_task {
                asking, asked_at, vtime_ns, ran_ns, pid, weight, cpu, cpus,
            };
            let turn = turn(&task, SLICE_NS);
            let put_off_ns = turn.deadline_ns.wrapping_sub(vtime_ns);
            proptest::prop_assert!(put_off_ns <= 100 * SLICE_NS, "{put_off_ns}");
            proptest::prop_assert!((100..=100_000).contains(&turn.slice_us));
        }
    }
}
