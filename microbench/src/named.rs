// SPDX-License-Identifier: GPL-2.0-only
//! `NAME=FILE` on the command line.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::bail;

/// A program, by the name that reports call it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Named {
    /// Of a policy, or of a scheduler: `scx_rusty 1.1.4`.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

impl FromStr for Named {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok(Self {
                name: name.into(),
                path: path.into(),
            }),
            _ => bail!("`{text}` is not NAME=FILE"),
        }
    }
}
