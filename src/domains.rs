// SPDX-License-Identifier: GPL-2.0-only
//! Which CPUs share a last-level cache: the domains of the policies with a queue a cache.

use anyhow::Result;
use scx_utils::Topology;

use crate::bpf::abi;

/// As many as the program can hold.
const MAX: usize = abi::meta_limits_META_MAX_DOMAINS as usize;
const CPU_IDS: usize = abi::meta_limits_META_MAX_CPUS as usize;

/// In the rodata variable `domain_of_cpu`: a CPU of no domain.
const NO_DOMAIN: u8 = u8::MAX;

/// CPUs that share a last-level cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Domain {
    /// Its NUMA node.
    pub node: u8,
    /// Its CPUs that are online.
    pub cpus: Vec<usize>,
}

/// All domains, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Domains(Vec<Domain>);

impl Domains {
    /// Those of this machine; one of all CPUs if it does not tell.
    pub(crate) fn detect() -> Self {
        Self::read().unwrap_or_else(|error| {
            log::warn!("all CPUs are taken for one cache: {error:#}");
            Self::new([Domain {
                node: 0,
                cpus: (0..CPU_IDS).collect(),
            }])
        })
    }

    /// Those of this machine. Fails where it does not tell, and while a CPU comes or goes.
    pub(crate) fn read() -> Result<Self> {
        let topology = Topology::new()?;
        Ok(Self::new(topology.all_llcs.values().map(|llc| Domain {
            node: u8::try_from(llc.node_id).unwrap_or(u8::MAX),
            cpus: llc.all_cpus.keys().copied().collect(),
        })))
    }

    /// More than the program can hold are joined with their neighbours.
    fn new(caches: impl IntoIterator<Item = Domain>) -> Self {
        let caches: Vec<Domain> = caches.into_iter().collect();
        let joined = caches.len().div_ceil(MAX).max(1);
        let join = |group: &[Domain]| Domain {
            node: group[0].node,
            cpus: group.iter().flat_map(|cache| cache.cpus.clone()).collect(),
        };
        Self(caches.chunks(joined).map(join).collect())
    }

    /// Takes in CPUs that `now` has and that were in no domain: the number of domains is fixed at
    /// load, so each joins that of a CPU it shares a cache with, else one of its node, else the first.
    pub(crate) fn extend(&mut self, now: &Self) {
        for cache in &now.0 {
            let known = |cpu: &usize| self.0.iter().position(|domain| domain.cpus.contains(cpu));
            let joined = cache.cpus.iter().find_map(known);
            let near = || self.0.iter().position(|domain| domain.node == cache.node);
            let id = joined.or_else(near).unwrap_or(0);
            let new: Vec<usize> = cache
                .cpus
                .iter()
                .filter(|cpu| known(cpu).is_none())
                .copied()
                .collect();
            if let Some(domain) = self.0.get_mut(id) {
                domain.cpus.extend(new);
            }
        }
    }

    /// By node and CPUs.
    #[cfg(test)]
    pub(crate) fn of(caches: &[(u8, &[usize])]) -> Self {
        Self::new(caches.iter().map(|(node, cpus)| Domain {
            node: *node,
            cpus: cpus.to_vec(),
        }))
    }

    /// By id.
    pub(crate) fn all(&self) -> &[Domain] {
        &self.0
    }

    /// The rodata variable `nr_domains`.
    pub(crate) fn count(&self) -> u32 {
        self.0.len().max(1) as u32
    }

    /// The rodata variable `domain_of_cpu`.
    pub(crate) fn of_cpu(&self) -> [u8; CPU_IDS] {
        let mut ids = [NO_DOMAIN; CPU_IDS];
        for (id, domain) in self.0.iter().enumerate() {
            for cpu in &domain.cpus {
                if let Some(place) = ids.get_mut(*cpu) {
                    *place = id as u8;
                }
            }
        }
        ids
    }

    /// The rodata variable `node_of_domain`.
    pub(crate) fn nodes(&self) -> [u8; MAX] {
        let mut nodes = [0; MAX];
        for (place, domain) in nodes.iter_mut().zip(&self.0) {
            *place = domain.node;
        }
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(node: u8, cpus: &[usize]) -> Domain {
        Domain {
            node,
            cpus: cpus.to_vec(),
        }
    }

    #[test]
    fn every_cpu_knows_its_domain_and_every_domain_its_node() {
        let domains = Domains::new([cache(0, &[0, 2]), cache(1, &[1, 3])]);
        assert_eq!(domains.count(), 2);
        assert_eq!(domains.of_cpu()[..5], [0, 1, 0, 1, NO_DOMAIN]);
        assert_eq!(domains.nodes()[..2], [0, 1]);
    }

    #[test]
    fn too_many_caches_are_joined_with_their_neighbours() {
        let domains = Domains::new((0..100).map(|cpu| cache(0, &[cpu])));
        assert_eq!(domains.count(), 50);
        assert_eq!(domains.all()[1].cpus, [2, 3]);
    }

    #[test]
    fn a_cpu_that_comes_later_joins_its_cache_or_else_its_node() {
        let mut domains = Domains::new([cache(0, &[0]), cache(1, &[4])]);
        let now = [
            cache(0, &[0, 1]),
            cache(1, &[5]),
            cache(7, &[6]),
            cache(1, &[4]),
        ];
        domains.extend(&Domains::new(now));
        assert_eq!(
            domains.of_cpu()[..8],
            [0, 0, NO_DOMAIN, NO_DOMAIN, 1, 1, 0, NO_DOMAIN]
        );
        assert_eq!(domains.count(), 2);
    }

    #[test]
    fn a_machine_that_names_no_cache_is_one_domain() {
        assert_eq!(Domains::new([]).count(), 1);
    }
}
