// SPDX-License-Identifier: GPL-2.0-only
//! What build.rs generates: the BPF skeleton, and the bindings of
//! `include/abi.h`. Nothing is written by hand here.

#![allow(missing_docs)]

/// Bindings of `include/abi.h`: ids, limits and map values.
pub mod abi {
    #![allow(non_camel_case_types, non_snake_case, non_upper_case_globals)]
    #![allow(dead_code, clippy::all)]

    include!(concat!(env!("OUT_DIR"), "/abi.rs"));
}

mod skeleton {
    #![allow(unreachable_pub, clippy::all, clippy::unwrap_used)]

    include!(concat!(env!("OUT_DIR"), "/bpf_skel.rs"));
}

pub(crate) use skeleton::{types, BpfSkel, BpfSkelBuilder, OpenBpfSkel};
