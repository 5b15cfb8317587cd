// SPDX-License-Identifier: GPL-2.0-only
//! Shared by tests.

use evidence::raw::Raw;
use labkit::clock::Clock;
use labkit::machine::Machine;

/// Raw data of an emulated guest.
pub(crate) fn raw<T>(cpus: usize, records: Vec<T>) -> Raw<T> {
    let machine = Machine {
        kernel: "6.18.15".into(),
        accel: "tcg".into(),
        cpus,
        clock: Clock::Serial,
    };
    Raw { machine, records }
}
