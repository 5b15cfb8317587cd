// SPDX-License-Identifier: GPL-2.0-only
//! The check of fuzz/ on a stable Rust: made-up bytes, and workloads that we ship with bytes changed.

#[path = "../../fuzz/inputs/slips.rs"]
mod slips;
#[path = "../../fuzz/inputs/workload.rs"]
mod workload;

use proptest::prelude::*;

const MIX: &[u8] = include_bytes!("../../workloads/mix/workload.toml");
const WEB: &[u8] = include_bytes!("../../workloads/web/workload.toml");

#[test]
fn what_we_ship_is_a_workload() {
    workload::check(MIX);
    workload::check(WEB);
}

proptest! {
    #[test]
    fn any_bytes_are_a_workload_or_none(bytes: Vec<u8>) {
        workload::check(&bytes);
    }

    #[test]
    fn a_workload_with_slips_is_one_or_none(
        bytes in prop_oneof![slips::of(MIX), slips::of(WEB)],
    ) {
        workload::check(&bytes);
    }
}
