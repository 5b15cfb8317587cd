// SPDX-License-Identifier: GPL-2.0-only
//! How a guest's CPUs are divided into sockets: `sockets=2,cores=2`.

use std::str::FromStr;

use anyhow::bail;
use anyhow::ensure;
use anyhow::Context;
use anyhow::Error;
use anyhow::Result;

/// As `--cpus`.
const CPUS_MAX: u32 = 64;

/// Sockets with equally many cores each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Topology {
    /// Sockets.
    pub sockets: u32,
    /// Cores of each.
    cores: u32,
}

impl Topology {
    /// Virtual CPUs in all.
    pub fn cpus(self) -> u32 {
        self.sockets * self.cores
    }
}

impl FromStr for Topology {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (mut sockets, mut cores) = (None, None);
        for part in text.split(',') {
            let (name, value) = part
                .split_once('=')
                .with_context(|| format!("`{part}`: expected NAME=NUMBER"))?;
            let place = match name {
                "sockets" => &mut sockets,
                "cores" => &mut cores,
                _ => bail!("`{name}`: expected sockets or cores"),
            };
            let value: u32 = value
                .parse()
                .with_context(|| format!("`{value}` is not a number"))?;
            ensure!(
                (1..=CPUS_MAX).contains(&value),
                "{name}={value}: expected 1 to {CPUS_MAX}"
            );
            ensure!(place.replace(value).is_none(), "{name} is given twice");
        }
        let topology = Self {
            sockets: sockets.context("sockets=… is missing")?,
            cores: cores.context("cores=… is missing")?,
        };
        let cpus = topology.cpus();
        ensure!(cpus <= CPUS_MAX, "{cpus} CPUs are more than {CPUS_MAX}");
        Ok(topology)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_and_cores_in_any_order() {
        for text in ["sockets=2,cores=3", "cores=3,sockets=2"] {
            let topology: Topology = text.parse().unwrap();
            assert_eq!((topology.sockets, topology.cpus()), (2, 6));
        }
    }

    #[test]
    fn what_is_not_a_topology_is_refused() {
        for (text, why) in [
            ("sockets=2", "cores"),
            ("2x2", "`2x2`"),
            ("sockets=2,threads=2", "`threads`"),
            ("sockets=0,cores=2", "sockets=0"),
            ("sockets=2,cores=two", "`two`"),
            ("cores=2,cores=2", "twice"),
            ("sockets=16,cores=16", "256 CPUs"),
        ] {
            let error = text.parse::<Topology>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
