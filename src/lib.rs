// SPDX-License-Identifier: GPL-2.0-only
//! The loader of scx_meta: it turns options into map contents, loads one BPF
//! program that holds several scheduling policies, waits, and reports. Which
//! policy runs when, and how tasks are ordered, is decided in the kernel.
//!
//! ```text
//! cli ──► sched: open ─► fill ─► load ─► pin ─► attach ─► watch ─► report
//!  │        │                │            │               │         │
//!  │   weights, cpus,     loader     live, pins     stats, turns, output,
//!  │   domains, tunables,                              halves     logging
//!  │   preflight, machine
//!  ├─► config: options of a file
//!  ├─► strategy (a package): weights from what was measured
//!  └─► set: changes the maps of the running program
//! ```
//!
//! A program in Rust loads it by itself, or opens the maps of one that runs:
//!
//! ```no_run
//! use scx_meta::live::Live;
//! use scx_meta::machine::Machine;
//! use scx_meta::policy::Policy;
//! use scx_meta::Loader;
//!
//! # fn main() -> anyhow::Result<()> {
//! let machine = Machine::default();
//! machine.require_all()?;
//! let mut object = std::mem::MaybeUninit::uninit();
//! let loader = Loader::new().weights("fifo=1,vtime=3".parse()?);
//! let running = loader.load(&mut object)?.attach()?;
//! let nest: Policy = "nest".parse()?;
//! running.live().set_weight(nest, 2)?;
//! running.live().apply()?;
//! running.end()?;
//!
//! match Live::open(&machine) {
//!     Ok(live) => println!("{} switches", live.status()?.generation),
//!     Err(error) if error.is::<scx_meta::Error>() => println!("{error}"),
//!     Err(error) => return Err(error),
//! }
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs, unreachable_pub)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod auto;
pub mod bpf;
mod call;
pub mod cli;
mod config;
mod cpus;
mod domains;
mod error;
#[cfg(feature = "guest-tests")]
mod faults;
mod halves;
mod hotplug;
pub mod live;
mod loader;
pub mod logging;
pub mod machine;
mod memory;
mod metrics;
mod output;
mod pins;
pub mod policy;
mod preflight;
mod realtime;
pub mod reward;
mod sched;
mod set;
pub mod stats;
mod threads;
pub mod tunables;
pub mod turns;
pub mod value;
mod void;
mod watch;
pub mod weights;

pub use self::error::Error;
pub use self::loader::Loader;
pub use self::sched::{Running, Standby};
