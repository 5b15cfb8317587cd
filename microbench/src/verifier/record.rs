// SPDX-License-Identifier: GPL-2.0-only
//! The raw data.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Record {
    Program {
        /// The one policy that was asked for; none: all of them.
        only: Option<String>,
        /// The first 15 characters of its name.
        name: String,
        /// Instructions that the verifier processed, those of all branches that it followed.
        verified: u32,
        /// Machine code that came of it.
        machine_code_bytes: usize,
    },
}
