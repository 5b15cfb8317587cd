// SPDX-License-Identifier: GPL-2.0-only
//! Machines in short: CPUs, or caches x CPUs of each.

use std::fmt;
use std::str::FromStr;

use anyhow::{ensure, Context, Error, Result};

use super::Topology;

/// CPUs of a machine, and how many caches they share evenly: `4`, or `2x2` for two caches of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    caches: u32,
    cpus_each: u32,
}

impl Size {
    pub fn cpus(self) -> u32 {
        self.caches * self.cpus_each
    }

    pub fn topology(self) -> Topology {
        Topology {
            sockets: self.caches,
            ..Topology::flat(self.cpus_each)
        }
    }

    /// As tables call it.
    pub fn words(self) -> String {
        match self.caches {
            1 => format!("{} CPUs", self.cpus()),
            caches => format!("{} CPUs, {caches} caches", self.cpus()),
        }
    }
}

impl FromStr for Size {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (caches, each) = text.split_once('x').unwrap_or(("1", text));
        let number = |word: &str| -> Result<u32> {
            word.parse()
                .with_context(|| format!("`{text}`: expected CPUs such as 4, or 2x2"))
        };
        let size = Self {
            caches: number(caches)?,
            cpus_each: number(each)?,
        };
        ensure!(
            (2..=64).contains(&size.cpus()),
            "`{text}`: expected 2 to 64 CPUs"
        );
        Ok(size)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.caches {
            1 => write!(f, "{}", self.cpus_each),
            caches => write!(f, "{caches}x{}", self.cpus_each),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_cpus_and_caches() {
        let size = |text: &str| text.parse::<Size>();
        let two = size("2x2").unwrap();
        assert_eq!((two.cpus(), two.topology().sockets), (4, 2));
        assert_eq!(two.words(), "4 CPUs, 2 caches");
        assert_eq!(size("8").unwrap().topology(), Topology::flat(8));
        for text in ["8", "2x4"] {
            assert_eq!(size(text).unwrap().to_string(), text);
        }
        for bad in ["1", "x2", "2x", "0x4", "65", "four", "2x2x2"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
