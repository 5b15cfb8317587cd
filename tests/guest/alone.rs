// SPDX-License-Identifier: GPL-2.0-only
//! Each policy alone carries real loads to their end.

use scx_meta::policy::Policy;

use crate::load::Load;
use crate::scheduler::Scheduler;

/// A few seconds, emulated.
const MESSAGES: u32 = 200;

/// The program is loaded with one policy, so no other can help it out.
fn carries_loads(policy: &str) {
    let mut scheduler = Scheduler::start(&["--policies", policy, "--weights", &weight(policy)]);
    Load::messaging(2, MESSAGES).finish();
    scheduler.assert_healthy();
    Load::stress("--cpu 8 --fork 4 --switch 4", 20).finish();
    scheduler.assert_healthy();

    let status = scheduler.status_json();
    println!("{status}");
    assert_eq!(status["active"], policy);
    assert_eq!(status["policies"].as_array().unwrap().len(), 1);
    scheduler.stop();
}

fn weight(policy: &str) -> String {
    format!("{policy}=1")
}

macro_rules! alone {
    ($($policy:literal: $two:ident $four:ident)*) => {
        const TESTED: &[&str] = &[$($policy),*];
        $(
            #[test]
            fn $two() {
                carries_loads($policy);
            }

            #[test]
            fn $four() {
                carries_loads($policy);
            }
        )*
    };
}

alone! {
    "fifo": alone_fifo cpus4_alone_fifo
    "vtime": alone_vtime cpus4_alone_vtime
    "central": alone_central cpus4_alone_central
    "nest": alone_nest cpus4_alone_nest
    "qmap": alone_qmap cpus4_alone_qmap
    "pair": alone_pair cpus4_alone_pair
    "rusty": alone_rusty llc2_alone_rusty
    "rustland": alone_rustland cpus4_alone_rustland
}

#[test]
fn every_policy_of_the_table_is_tested_alone() {
    let names: Vec<&str> = Policy::all().map(Policy::name).collect();
    assert_eq!(names, TESTED);
}
