// SPDX-License-Identifier: GPL-2.0-only
//! What is done to a running scx_meta, to its loader, and to the tasks and CPUs under it; and who is
//! harmed. `cargo xtask test --faults` runs all rows and prints what each counted.
//!
//! ```text
//! realtime    tasks of a higher class take CPUs away
//! hotplug     CPUs go and come back
//! yields      a task gives its CPU up for others
//! loader      the loader is stopped, starved, frozen, killed
//! writes      bytes that nobody meant, in every pinned map; pins that are gone
//! churn       tasks come and go
//! places      affinity, class and cpuset of tasks change while they wait
//! groups      cgroups come and go
//! kicks       what waits does not wake the whole machine
//! rivals      other loaders, other users
//! machine     memory runs out, the clock jumps
//! broken      a policy of the test build does something wrong
//! short       the short form of these on other machines
//! soak        all of them at random (`cargo xtask soak`)
//! nightly     what takes longer than a change should wait
//! ```
//!
//! Each row has a [`harm::Harm`], which watches tasks beside the faults and looks for the same at
//! every row's end.

mod broken;
mod churn;
mod groups;
mod harm;
mod hotplug;
pub mod kernel;
mod kicks;
mod loader;
mod machine;
mod nightly;
mod places;
mod realtime;
mod rivals;
mod short;
mod soak;
mod traces;
mod writes;
mod yields;
