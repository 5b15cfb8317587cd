// SPDX-License-Identifier: GPL-2.0-only
//! How a guest's CPUs are divided: `nodes=2,sockets=2,cores=2,threads=2`.

use std::fmt;
use std::str::FromStr;

use anyhow::{bail, ensure, Context, Error, Result};
use serde::{Deserialize, Serialize};

/// As `--cpus`.
const CPUS_MAX: u32 = 64;

/// Equally many sockets in each NUMA node, cores in each socket, threads in each core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Topology {
    /// NUMA nodes, each with an equal part of the memory.
    pub nodes: u32,
    /// Sockets of all nodes; each has a last-level cache.
    pub sockets: u32,
    pub cores: u32,
    pub threads: u32,
}

impl Topology {
    /// So many cores in one socket.
    pub fn flat(cpus: u32) -> Self {
        Self {
            nodes: 1,
            sockets: 1,
            cores: cpus,
            threads: 1,
        }
    }

    pub fn cpus(self) -> u32 {
        self.sockets * self.cores * self.threads
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self {
            nodes,
            sockets,
            cores,
            threads,
        } = self;
        if *nodes > 1 {
            write!(f, "nodes={nodes},")?;
        }
        write!(f, "sockets={sockets},cores={cores}")?;
        if *threads > 1 {
            write!(f, ",threads={threads}")?;
        }
        Ok(())
    }
}

impl FromStr for Topology {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (mut nodes, mut sockets, mut cores, mut threads) = (None, None, None, None);
        for part in text.split(',') {
            let (name, value) = part
                .split_once('=')
                .with_context(|| format!("`{part}`: expected NAME=NUMBER"))?;
            let place = match name {
                "nodes" => &mut nodes,
                "sockets" => &mut sockets,
                "cores" => &mut cores,
                "threads" => &mut threads,
                _ => bail!("`{name}`: expected nodes, sockets, cores or threads"),
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
        let nodes = nodes.unwrap_or(1);
        let topology = Self {
            nodes,
            sockets: sockets.unwrap_or(nodes),
            cores: cores.context("cores=… is missing")?,
            threads: threads.unwrap_or(1),
        };
        let sockets = topology.sockets;
        ensure!(
            sockets.is_multiple_of(nodes),
            "{sockets} socket(s) cannot be divided among {nodes} nodes"
        );
        let cpus = u64::from(sockets) * u64::from(topology.cores) * u64::from(topology.threads);
        ensure!(
            cpus <= u64::from(CPUS_MAX),
            "{cpus} CPUs are more than {CPUS_MAX}"
        );
        Ok(topology)
    }
}

impl TryFrom<String> for Topology {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Topology> for String {
    fn from(topology: Topology) -> Self {
        topology.to_string()
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
            assert_eq!((topology.nodes, topology.threads), (1, 1));
        }
    }

    #[test]
    fn nodes_and_threads_multiply() {
        let topology: Topology = "nodes=2,sockets=4,cores=2,threads=2".parse().unwrap();
        assert_eq!((topology.nodes, topology.cpus()), (2, 16));
        let topology: Topology = "nodes=2,cores=2".parse().unwrap();
        assert_eq!(topology.sockets, 2, "a socket a node where none is given");
        let topology: Topology = "cores=2,threads=2".parse().unwrap();
        assert_eq!(topology.cpus(), 4);
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        for text in [
            "sockets=1,cores=4",
            "sockets=1,cores=2,threads=2",
            "nodes=2,sockets=2,cores=2",
        ] {
            let topology: Topology = text.parse().unwrap();
            assert_eq!(topology.to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_topology_is_refused() {
        for (text, why) in [
            ("sockets=2", "cores"),
            ("2x2", "`2x2`"),
            ("sockets=2,dies=2", "`dies`"),
            ("sockets=0,cores=2", "sockets=0"),
            ("sockets=2,cores=two", "`two`"),
            ("cores=2,cores=2", "twice"),
            ("sockets=16,cores=16", "256 CPUs"),
            ("cores=64,threads=64,sockets=64", "262144 CPUs"),
            ("nodes=2,sockets=3,cores=1", "3 socket(s)"),
        ] {
            let error = text.parse::<Topology>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
