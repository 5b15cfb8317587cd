// SPDX-License-Identifier: GPL-2.0-only
//! The user-space half of `rusty`: a balancer that evens load every 2 s by
//! giving tasks another home, and a tuner that says every 100 ms which domains
//! have CPUs to spare. See bpf/policies/rusty.bpf.h.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{anyhow, Context, Result};
use libbpf_rs::{MapCore, MapFlags, MapHandle};

use super::balance::{Move, Task};
use super::{balance, Quit, Work};
use crate::bpf::{abi, BpfSkel};
use crate::domains::Domains;
use crate::policy::Policy;
use crate::tunables::Slice;
use crate::{stats, value};

const TUNE_PERIOD: Duration = Duration::from_millis(100);
const BALANCE_PERIOD: Duration = Duration::from_secs(2);

/// Tasks of others are placed on idle CPUs of a domain that is less busy than
/// this: each would soon be in the way of its own.
const DIRECT_UNDER: f64 = 0.9;
/// A CPU of a domain that is less busy than this is woken to steal.
const KICK_UNDER: f64 = 0.99999;
/// All CPUs busier than this: the machine is saturated.
const SATURATED: f64 = 0.999;
/// A saturated machine takes turns so often, if slices are not shorter anyhow.
const SATURATED_SLICE: Duration = Duration::from_millis(1);

/// Key of the maps with one value.
const ONLY_KEY: [u8; 4] = [0; 4];

/// The maps that join the two halves.
pub(super) struct Rusty {
    policy: Policy,
    domains: Domains,
    slice: Duration,
    tune: MapHandle,
    recent: MapHandle,
    moves: MapHandle,
}

impl Rusty {
    /// Of a loaded program.
    pub(super) fn new(domains: &Domains, slice: Slice, skel: &BpfSkel<'_>) -> Result<Self> {
        Ok(Self {
            policy: Policy::from_id(abi::meta_policy_META_RUSTY)
                .ok_or_else(|| anyhow!("no policy rusty"))?,
            domains: domains.clone(),
            slice: slice.duration(),
            tune: MapHandle::try_from(&skel.maps.rusty_tune)?,
            recent: MapHandle::try_from(&skel.maps.rusty_recent)?,
            moves: MapHandle::try_from(&skel.maps.rusty_moves)?,
        })
    }

    fn read_tune(&self) -> Result<abi::meta_rusty_tune> {
        let value = self.tune.lookup(&ONLY_KEY, MapFlags::ANY)?;
        value::from_bytes(&value.context("the map rusty_tune is empty")?)
    }

    fn write_tune(&self, tune: &abi::meta_rusty_tune) -> Result<()> {
        self.tune
            .update(&ONLY_KEY, value::as_bytes(tune), MapFlags::ANY)
            .context("writing the map rusty_tune")
    }

    /// Who ran in this round, which lasted so long.
    fn ran(&self, round: u64, length: Duration) -> Result<Vec<Task>> {
        let mut tasks = BTreeMap::new();
        let batch = abi::meta_limits_META_RUSTY_RECENT;
        for (_, value) in self
            .recent
            .lookup_batch(batch, MapFlags::ANY, MapFlags::ANY)?
        {
            let listed: abi::meta_rusty_task = value::from_bytes(&value)?;
            if listed.pid == 0 || listed.round != round {
                continue;
            }
            let wanted = Duration::from_nanos(listed.wanted_ns);
            tasks.insert(
                listed.pid,
                Task {
                    pid: listed.pid,
                    home: listed.home as usize,
                    allowed: listed.allowed,
                    duty: wanted.div_duration_f64(length),
                    weight: listed.weight,
                },
            );
        }
        let homes = self.domains.all().len();
        Ok(tasks.into_values().filter(|t| t.home < homes).collect())
    }

    /// Replaces the moves of the round before.
    fn write_moves(&self, moves: &[Move]) -> Result<()> {
        let old: Vec<Vec<u8>> = self.moves.keys().collect();
        for pid in old {
            self.moves.delete(&pid).context("clearing rusty_moves")?;
        }
        for one in moves {
            let to = (one.to as u32).to_ne_bytes();
            self.moves
                .update(&one.pid.to_ne_bytes(), &to, MapFlags::ANY)
                .context("writing the map rusty_moves")?;
        }
        Ok(())
    }

    /// Which domains have CPUs to spare; whether the machine has none.
    fn spare(&self, before: &CpuTimes, now: &CpuTimes, tune: &mut abi::meta_rusty_tune) -> bool {
        tune.direct = 0;
        tune.kick = 0;
        let mut saturated = true;
        for (id, domain) in self.domains.all().iter().enumerate() {
            let busy = domain.cpus.iter().map(|cpu| now.busy_since(before, *cpu));
            let busy = busy.sum::<f64>() / domain.cpus.len().max(1) as f64;
            tune.direct |= u64::from(busy < DIRECT_UNDER) << id;
            tune.kick |= u64::from(busy < KICK_UNDER) << id;
            saturated &= busy > SATURATED;
        }
        saturated
    }
}

impl Work for Rusty {
    fn policy(&self) -> Policy {
        self.policy
    }

    fn run(&self, quit: &Quit) -> Result<()> {
        let ended = self.steer(quit);
        let withdrawn = self.withdraw();
        ended.and(withdrawn)
    }
}

impl Rusty {
    /// Nobody is there: what was said last is not to be followed any more.
    fn withdraw(&self) -> Result<()> {
        let round = self.read_tune()?.round;
        self.write_tune(&abi::meta_rusty_tune {
            round,
            ..value::zeroed()
        })?;
        self.write_moves(&[])
    }

    fn steer(&self, quit: &Quit) -> Result<()> {
        let mut tune = self.read_tune()?;
        tune.round = tune.round.wrapping_add(1);
        let mut before = CpuTimes::read()?;
        let mut round_began = Instant::now();
        while !quit.within(TUNE_PERIOD) {
            let now = CpuTimes::read()?;
            let saturated = self.spare(&before, &now, &mut tune);
            tune.slice_ns = slice(self.slice, saturated).as_nanos() as u64;
            before = now;
            let length = round_began.elapsed();
            if length >= BALANCE_PERIOD {
                let tasks = self.ran(tune.round, length)?;
                let moves = balance::moves(self.domains.all(), &tasks, saturated);
                log::debug!("rusty: {} tasks ran, {} moves", tasks.len(), moves.len());
                self.write_moves(&moves)?;
                tune.moves = moves.len() as u64;
                tune.round = tune.round.wrapping_add(1);
                round_began = Instant::now();
            }
            tune.at_ns = stats::now_ns()?;
            self.write_tune(&tune)?;
        }
        Ok(())
    }
}

fn slice(usual: Duration, saturated: bool) -> Duration {
    match saturated {
        true => usual.min(SATURATED_SLICE),
        false => usual,
    }
}

/// Busy and whole time of each CPU since boot, in ticks.
struct CpuTimes(BTreeMap<usize, (u64, u64)>);

impl CpuTimes {
    fn read() -> Result<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").context("/proc/stat")?)
    }

    fn parse(stat: &str) -> Result<Self> {
        let mut times = BTreeMap::new();
        for line in stat.lines() {
            let mut words = line.split_whitespace();
            let name = words.next().and_then(|word| word.strip_prefix("cpu"));
            let Some(Ok(cpu)) = name.map(str::parse) else {
                continue;
            };
            let ticks: Vec<u64> = words
                .map(|word| word.parse().with_context(|| format!("/proc/stat: {line}")))
                .collect::<Result<_>>()?;
            // user nice system idle iowait irq softirq steal; guest time is
            // part of user time.
            let whole: u64 = ticks.iter().take(8).sum();
            let idle: u64 = ticks.iter().skip(3).take(2).sum();
            times.insert(cpu, (whole - idle, whole));
        }
        Ok(Self(times))
    }

    /// The part of the time since `before` in which a CPU was busy.
    fn busy_since(&self, before: &Self, cpu: usize) -> f64 {
        let (Some(now), Some(then)) = (self.0.get(&cpu), before.0.get(&cpu)) else {
            return 0.0;
        };
        let whole = now.1.saturating_sub(then.1);
        if whole == 0 {
            return 0.0;
        }
        now.0.saturating_sub(then.0) as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_what_is_not_idle() {
        let before = CpuTimes::parse("cpu 9 9\ncpu1 10 0 0 10 0 0 0 0 5 0\nintr 7\n").unwrap();
        let now = CpuTimes::parse("cpu1 13 0 0 11 0 0 0 0 7 0\n").unwrap();
        assert_eq!(now.busy_since(&before, 1), 0.75);
        assert_eq!(now.busy_since(&before, 0), 0.0);
        assert_eq!(now.busy_since(&now, 1), 0.0);
    }

    #[test]
    fn slices_are_short_while_the_machine_is_saturated() {
        let usual = Duration::from_millis(20);
        assert_eq!(slice(usual, false), usual);
        assert_eq!(slice(usual, true), SATURATED_SLICE);
        let short = Duration::from_micros(200);
        assert_eq!(slice(short, true), short);
    }

    #[test]
    fn a_line_that_is_not_numbers_is_refused() {
        assert!(CpuTimes::parse("cpu0 1 x 3\n").is_err());
    }
}
