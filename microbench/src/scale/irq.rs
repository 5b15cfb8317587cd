// SPDX-License-Identifier: GPL-2.0-only
//! Time in interrupts, and how long they were off, by an instrument of our own (bpf/irq.bpf.c).

use std::mem::MaybeUninit;
use std::ptr;

use anyhow::{ensure, Context, Result};
use libbpf_rs::skel::{OpenSkel, SkelBuilder};
use libbpf_rs::{Link, MapCore, MapFlags, OpenObject};
use scx_meta::live::PIN_DIR;
use serde::{Deserialize, Serialize};

mod abi {
    #![allow(non_camel_case_types, non_snake_case)]
    #![allow(non_upper_case_globals, dead_code, clippy::all)]

    include!(concat!(env!("OUT_DIR"), "/irq.rs"));
}

mod skeleton {
    #![allow(clippy::all, clippy::unwrap_used)]

    include!(concat!(env!("OUT_DIR"), "/irq_skel.rs"));
}

/// Tracepoints at the begin and the end of hard interrupts, without `_entry` and `_exit`. The first
/// is of every architecture, the others are vectors of x86; a kernel may lack some.
const HARD: [&str; 7] = [
    "irq_handler",
    "local_timer",
    "reschedule",
    "call_function",
    "call_function_single",
    "irq_work",
    "x86_platform_ipi",
];

/// One window of time, all CPUs together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(crate) hard: u64,
    pub(crate) hard_ns: u64,
    /// Longest one, since the instrument was attached or reset.
    pub(crate) hard_max_ns: u64,
    pub(crate) soft: u64,
    /// Time in them, without hard interrupts.
    pub(crate) soft_ns: u64,
    pub(crate) soft_max_ns: u64,
    /// Of `soft_ns`, in high-resolution timers, BPF's among them.
    pub(crate) timer_ns: u64,
    pub(crate) expired: u64,
    /// How late these were, in all.
    pub(crate) late_ns: u64,
    /// The latest: the upper bound of how long interrupts were off.
    pub(crate) late_max_ns: u64,
    /// How late, by powers of two.
    pub(crate) late_hist: [u64; abi::IRQ_BUCKETS as usize],
}

impl Sums {
    fn add(&mut self, cpu: &abi::irq_sums) {
        self.hard += cpu.hard;
        self.hard_ns += cpu.hard_ns;
        self.hard_max_ns = self.hard_max_ns.max(cpu.hard_max_ns);
        self.soft += cpu.soft;
        self.soft_ns += cpu.soft_ns;
        self.soft_max_ns = self.soft_max_ns.max(cpu.soft_max_ns);
        self.timer_ns += cpu.timer_ns;
        self.expired += cpu.expired;
        self.late_ns += cpu.late_ns;
        self.late_max_ns = self.late_max_ns.max(cpu.late_max_ns);
        for (sum, count) in self.late_hist.iter_mut().zip(cpu.late_hist) {
            *sum += count;
        }
    }
}

/// The instrument, at work. It goes when this is dropped.
pub(crate) struct Instrument<'obj> {
    skel: skeleton::IrqSkel<'obj>,
    _links: Vec<Link>,
    pub(crate) missing: Vec<&'static str>,
}

impl<'obj> Instrument<'obj> {
    /// Attaches it; scx_meta must run, and be the same until this is dropped.
    pub(crate) fn attach(object: &'obj mut MaybeUninit<OpenObject>) -> Result<Self> {
        let mut open = skeleton::IrqSkelBuilder::default()
            .open(object)
            .context("opening the interrupt instrument")?;
        open.maps
            .status
            .reuse_pinned_map(format!("{PIN_DIR}/status"))
            .context("the interrupt instrument needs scx_meta's status")?;
        let skel = open.load().context("loading the interrupt instrument")?;
        let mut links = Vec::new();
        let mut missing = Vec::new();
        for name in HARD {
            let (begin, end) = (
                skel.progs
                    .irq_hard_exit
                    .attach_raw_tracepoint(format!("{name}_exit")),
                skel.progs
                    .irq_hard_entry
                    .attach_raw_tracepoint(format!("{name}_entry")),
            );
            match (begin, end) {
                (Ok(begin), Ok(end)) => links.extend([begin, end]),
                _ => missing.push(name),
            }
        }
        ensure!(
            links.len() > 2,
            "this kernel has none of the tracepoints of hard interrupts: {HARD:?}"
        );
        let progs = &skel.progs;
        links.push(progs.irq_soft_exit.attach_raw_tracepoint("softirq_exit")?);
        links.push(
            progs
                .irq_soft_entry
                .attach_raw_tracepoint("softirq_entry")?,
        );
        links.push(progs.irq_expire.attach().context("hrtimer_expire_entry")?);
        Ok(Self {
            skel,
            _links: links,
            missing,
        })
    }

    pub(crate) fn reset(&self) -> Result<()> {
        let cpus = libbpf_rs::num_possible_cpus()?;
        let zeros = vec![vec![0; size_of::<abi::irq_sums>()]; cpus];
        for key in 0..abi::irq_window_IRQ_WINDOWS {
            self.skel
                .maps
                .sums
                .update_percpu(&key.to_ne_bytes(), &zeros, MapFlags::ANY)?;
        }
        Ok(())
    }

    /// Sums since then: within a while after a flip, and in the rest of the time.
    pub(crate) fn read(&self) -> Result<[Sums; 2]> {
        Ok([
            self.window(abi::irq_window_IRQ_AFTER_FLIP)?,
            self.window(abi::irq_window_IRQ_REST)?,
        ])
    }

    fn window(&self, key: u32) -> Result<Sums> {
        let cpus = self
            .skel
            .maps
            .sums
            .lookup_percpu(&key.to_ne_bytes(), MapFlags::ANY)?
            .context("the interrupt instrument has no sums")?;
        let mut sums = Sums::default();
        for bytes in &cpus {
            ensure!(
                bytes.len() >= size_of::<abi::irq_sums>(),
                "the interrupt instrument's sums are too short"
            );
            // SAFETY: long enough; unaligned reads are allowed; it is made of integers.
            sums.add(&unsafe { ptr::read_unaligned(bytes.as_ptr().cast()) });
        }
        Ok(sums)
    }
}
