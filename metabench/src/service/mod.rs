// SPDX-License-Identifier: GPL-2.0-only
//! Programs that a workload needs, started in order and stopped whatever happens.
//!
//! ```text
//! services ─► ready        is it up?
//!    └─► group             all processes of one service or load: a cgroup, or a process group
//!          └─► guard ─pipe─► sentry: a process of its own; when the pipe ends, so do all groups
//! ```
//!
//! A group ends when it is dropped. If we are killed, the kernel kills our direct children, and the
//! sentry everything else.

pub mod cgroup;
pub mod group;
pub mod guard;
pub mod ready;
pub mod sentry;
pub mod services;

mod processes;

pub use group::Group;
pub use guard::Guard;
pub use services::Services;
