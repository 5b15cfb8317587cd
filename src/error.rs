// SPDX-License-Identifier: GPL-2.0-only
//! The failures that a caller can act on. They come inside of an [`anyhow::Error`], with what was
//! being done around them: `error.downcast_ref::<scx_meta::Error>()` finds them.

use crate::pins::PIN_DIR;

/// A failure that a caller can act on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No scx_meta runs: start one.
    #[error("not running: there is no {PIN_DIR}")]
    NotRunning,
    /// No scx_meta runs, and one that died left its pins: start one, it replaces them.
    #[error("not running: {PIN_DIR} was left by a loader that died")]
    Died,
    /// A loader is between two states: ask again in a moment.
    #[error("the loader is still starting or just stopping; try again")]
    NotReady,
    /// One runs already; how to stop it.
    #[error("already running: {0}")]
    AlreadyRunning(String),
    /// The maps are those of another version of scx_meta; sizes in bytes.
    #[error(
        "a map value of {found} bytes where {expected} are expected: another version is running"
    )]
    OtherVersion {
        /// Of the value in the map.
        found: usize,
        /// Of the value that this version has there.
        expected: usize,
    },
    /// This machine cannot run it.
    #[error("{finding}: {advice}")]
    Machine {
        /// The property that it lacks.
        finding: String,
        /// How to get it.
        advice: String,
    },
    /// The kernel did not take it; why.
    #[error("the kernel refused the scheduler: {0}")]
    Refused(String),
    /// The kernel put an end to it for a fault; why.
    #[error("the kernel ended the scheduler: {0}")]
    Ejected(String),
}
