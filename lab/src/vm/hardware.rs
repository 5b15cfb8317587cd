// SPDX-License-Identifier: GPL-2.0-only
//! The hardware of a guest, and what its kernel is told about it.

use std::str::FromStr;

use anyhow::{bail, ensure, Context, Error, Result};
use serde::{Deserialize, Serialize};

use super::topology::Topology;

/// CPUs, memory, and words for the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardware {
    /// CPUs that are there at boot.
    pub topology: Topology,
    /// How many CPUs there could be, if more.
    pub maxcpus: Option<u32>,
    /// CPUs that are there, and offline when the first command starts: `1,3` or `2-3`.
    pub offline: Option<String>,
    pub memory: Memory,
    pub append: String,
}

impl Default for Hardware {
    fn default() -> Self {
        Self::of_cpus(2)
    }
}

impl Hardware {
    /// So many CPUs in one socket, and as much memory as most guests have.
    pub fn of_cpus(cpus: u32) -> Self {
        Self {
            topology: Topology::flat(cpus),
            maxcpus: None,
            offline: None,
            memory: Memory::default(),
            append: String::new(),
        }
    }

    /// Refuses what no machine can be.
    pub fn check(&self) -> Result<()> {
        let cpus = self.topology.cpus();
        if let Some(most) = self.maxcpus {
            let Topology { cores, threads, .. } = self.topology;
            ensure!(
                most >= cpus && most % (cores * threads) == 0,
                "maxcpus={most}: expected {cpus} or more, in sockets of {}",
                cores * threads
            );
        }
        Ok(())
    }

    /// QEMU's options for it.
    pub fn options(&self) -> Vec<String> {
        let Topology {
            nodes,
            sockets,
            cores,
            threads,
        } = self.topology;
        let cpus = self.topology.cpus();
        let most = self.maxcpus.unwrap_or(cpus);
        let all_sockets = (most / (cores * threads)).max(sockets);
        let smp =
            format!("{cpus},maxcpus={most},sockets={all_sockets},cores={cores},threads={threads}");
        let mut words = ["-smp", &smp, "-m", &self.memory.to_string()]
            .map(str::to_string)
            .to_vec();
        if nodes == 1 {
            return words;
        }
        let sockets_each = sockets / nodes;
        for node in 0..nodes {
            let memory = Memory {
                mib: self.memory.mib / u64::from(nodes),
            };
            words.extend([
                "-object".to_string(),
                format!("memory-backend-ram,id=node{node},size={memory}"),
                "-numa".to_string(),
                format!("node,nodeid={node},memdev=node{node}"),
            ]);
            // Sockets that are not there yet belong to the last node.
            let end = if node + 1 == nodes {
                all_sockets
            } else {
                (node + 1) * sockets_each
            };
            for socket in node * sockets_each..end {
                words.extend([
                    "-numa".to_string(),
                    format!("cpu,node-id={node},socket-id={socket}"),
                ]);
            }
        }
        words
    }

    /// For people: `4 CPUs (nodes=2,sockets=2,cores=2), 4096M`.
    pub fn describe(&self) -> String {
        let Topology {
            nodes,
            sockets,
            threads,
            ..
        } = self.topology;
        let mut text = format!("{} CPUs", self.topology.cpus());
        if nodes * sockets * threads > 1 {
            text.push_str(&format!(" ({})", self.topology));
        }
        if let Some(most) = self.maxcpus {
            text.push_str(&format!(" of at most {most}"));
        }
        if let Some(list) = &self.offline {
            text.push_str(&format!(", {list} offline"));
        }
        if !self.append.is_empty() {
            text.push_str(&format!(", {}", self.append));
        }
        text
    }
}

/// A size of memory: `512M`, `4G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Memory {
    mib: u64,
}

/// Below this no kernel with an initramfs boots.
const MIB_MIN: u64 = 256;
const MIB_MAX: u64 = 1 << 20;

impl Memory {
    pub const fn gib(gib: u64) -> Self {
        Self { mib: gib << 10 }
    }

    pub const fn mib(mib: u64) -> Self {
        Self { mib }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::gib(4)
    }
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}M", self.mib)
    }
}

impl FromStr for Memory {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (number, scale) = match text.as_bytes().last() {
            Some(b'G' | b'g') => (&text[..text.len() - 1], 1024),
            Some(b'M' | b'm') => (&text[..text.len() - 1], 1),
            _ => bail!("`{text}`: expected a size such as 512M or 4G"),
        };
        let number: u64 = number
            .parse()
            .with_context(|| format!("`{number}` is not a number"))?;
        let mib = number.saturating_mul(scale);
        ensure!(
            (MIB_MIN..=MIB_MAX).contains(&mib),
            "{text}: expected {MIB_MIN}M to {}G",
            MIB_MAX >> 10
        );
        Ok(Self { mib })
    }
}

impl TryFrom<String> for Memory {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Memory> for String {
    fn from(memory: Memory) -> Self {
        memory.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(topology: &str, maxcpus: Option<u32>) -> String {
        let hardware = Hardware {
            topology: topology.parse().unwrap(),
            maxcpus,
            ..Hardware::default()
        };
        hardware.check().unwrap();
        hardware.options().join(" ")
    }

    #[test]
    fn a_flat_machine_has_no_nodes() {
        assert_eq!(
            options("cores=4", None),
            "-smp 4,maxcpus=4,sockets=1,cores=4,threads=1 -m 4096M"
        );
    }

    #[test]
    fn each_node_has_its_sockets_and_its_memory() {
        let text = options("nodes=2,sockets=4,cores=2,threads=2", None);
        assert!(text.contains("-smp 16,maxcpus=16,sockets=4,cores=2,threads=2"));
        assert!(text.contains("id=node1,size=2048M"), "{text}");
        for place in [
            "node-id=0,socket-id=0",
            "node-id=0,socket-id=1",
            "node-id=1,socket-id=2",
            "node-id=1,socket-id=3",
        ] {
            assert!(text.contains(place), "{place}: {text}");
        }
    }

    #[test]
    fn cpus_that_could_be_there_are_whole_sockets() {
        let text = options("sockets=1,cores=2", Some(6));
        assert!(
            text.contains("-smp 2,maxcpus=6,sockets=3,cores=2"),
            "{text}"
        );
        let uneven = Hardware {
            maxcpus: Some(5),
            ..Hardware::default()
        };
        let error = uneven.check().unwrap_err().to_string();
        assert!(error.contains("maxcpus=5"), "{error}");
    }

    #[test]
    fn memory_has_a_unit_and_limits() {
        assert_eq!("4G".parse::<Memory>().unwrap().to_string(), "4096M");
        for (text, why) in [
            ("4", "`4`"),
            ("xG", "`x`"),
            ("1M", "256M"),
            ("9999G", "1024G"),
        ] {
            let error = format!("{:#}", text.parse::<Memory>().unwrap_err());
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
