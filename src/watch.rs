// SPDX-License-Identifier: GPL-2.0-only
//! `scx_meta watch`: what happens to the running program, as it happens, from its pinned maps. It goes on
//! while no program is in charge, so that nothing is missed of an ejection and what comes after it.

use std::io::Write;
use std::time::{Duration, SystemTime};
use std::{fmt, thread};

use anyhow::Result;
use serde::Serialize;

use crate::machine::Machine;
use crate::policy::Policy;
use crate::stats::Snapshot;
use crate::{hotplug, stats};

/// Flips of a rotation are not events: `scx_meta turns` has them.
const LOOK: Duration = Duration::from_millis(200);

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event {
    InCharge {
        policy: Option<&'static str>,
    },
    Gone,
    /// Another program took the place of the one before.
    LoadedAgain,
    Pinned {
        policy: &'static str,
    },
    Unpinned,
    Weight {
        policy: &'static str,
        old: u32,
        new: u32,
    },
    Period {
        old_us: u32,
        new_us: u32,
    },
    /// --auto has another policy in charge.
    Chosen {
        policy: &'static str,
        before: &'static str,
    },
    /// --auto has seen that the load is another one.
    Regime {
        count: u32,
    },
    /// CPUs came or went.
    Cpus,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InCharge { policy } => {
                write!(f, "in charge: {}", policy.unwrap_or("nobody yet"))
            }
            Self::Gone => f.write_str("gone: the kernel's own scheduler is in charge"),
            Self::LoadedAgain => f.write_str("loaded again"),
            Self::Pinned { policy } => write!(f, "pinned: {policy}"),
            Self::Unpinned => f.write_str("unpinned"),
            Self::Weight { policy, old, new } => write!(f, "weight of {policy}: {old} -> {new}"),
            Self::Period { old_us, new_us } => write!(f, "period: {old_us} us -> {new_us} us"),
            Self::Chosen { policy, before } => write!(f, "auto: {policy} in place of {before}"),
            Self::Regime { count } => write!(f, "auto: the load is another one, regime {count}"),
            Self::Cpus => f.write_str("CPUs came or went"),
        }
    }
}

/// What a look has found, as far as events are made of it.
#[derive(Clone, Debug, PartialEq)]
struct State {
    active: Option<Policy>,
    generation: u64,
    weights: Vec<(Policy, u32)>,
    period_us: u32,
    pin: Option<Policy>,
    chosen: Option<Policy>,
    regimes: u32,
}

impl State {
    fn of(snapshot: &Snapshot) -> Self {
        let learned = snapshot.learned.as_ref();
        Self {
            active: Policy::from_id(snapshot.status.active),
            generation: snapshot.status.generation,
            weights: snapshot.weights.clone(),
            period_us: snapshot.held_period_us(),
            pin: snapshot.pin,
            chosen: learned.map(|learned| learned.in_charge),
            regimes: learned.map_or(0, |learned| learned.regimes),
        }
    }

    fn begins(&self) -> Event {
        Event::InCharge {
            policy: self.active.map(Policy::name),
        }
    }

    /// What became of the one before.
    fn since(&self, before: &Self) -> Vec<Event> {
        let mut events = Vec::new();
        let policies = |of: &Self| {
            of.weights
                .iter()
                .map(|(policy, _)| *policy)
                .collect::<Vec<_>>()
        };
        if self.generation < before.generation || policies(self) != policies(before) {
            events.push(Event::LoadedAgain);
        }
        for (policy, new) in &self.weights {
            let old = before.weights.iter().find(|(known, _)| known == policy);
            match old {
                Some((_, old)) if old != new => events.push(Event::Weight {
                    policy: policy.name(),
                    old: *old,
                    new: *new,
                }),
                _ => {}
            }
        }
        if self.period_us != before.period_us {
            events.push(Event::Period {
                old_us: before.period_us,
                new_us: self.period_us,
            });
        }
        if self.pin != before.pin {
            events.push(match self.pin {
                Some(policy) => Event::Pinned {
                    policy: policy.name(),
                },
                None => Event::Unpinned,
            });
        }
        if self.regimes > before.regimes {
            events.push(Event::Regime {
                count: self.regimes,
            });
        }
        if let (Some(now), Some(then)) = (self.chosen, before.chosen) {
            if now != then {
                events.push(Event::Chosen {
                    policy: now.name(),
                    before: then.name(),
                });
            }
        }
        events
    }
}

/// From one look to the next; None: no program is in charge.
fn between(before: Option<&State>, now: Option<&State>) -> Vec<Event> {
    match (before, now) {
        (None, None) => Vec::new(),
        (Some(_), None) => vec![Event::Gone],
        (None, Some(now)) => vec![now.begins()],
        (Some(before), Some(now)) => now.since(before),
    }
}

/// Until nobody reads it any more.
pub(crate) fn watch(machine: &Machine, json: bool, out: &mut impl Write) -> Result<()> {
    let look = || {
        let snapshot = Snapshot::of_running(machine);
        snapshot.ok().map(|snapshot| State::of(&snapshot))
    };
    let mut cpus = hotplug::events();
    let mut before = look();
    // Without a first word nobody knows whether it looks at all.
    let first = before.as_ref().map_or(Event::Gone, State::begins);
    say(&first, json, out)?;
    loop {
        thread::sleep(LOOK);
        let now = look();
        for event in between(before.as_ref(), now.as_ref()) {
            say(&event, json, out)?;
        }
        before = now;
        let seen = hotplug::events();
        if seen != cpus {
            say(&Event::Cpus, json, out)?;
            cpus = seen;
        }
    }
}

fn say(event: &Event, json: bool, out: &mut impl Write) -> Result<()> {
    let at = humantime::format_rfc3339_millis(SystemTime::now());
    if json {
        let mut object = serde_json::to_value(event)?;
        object["at"] = at.to_string().into();
        object["monotonic_ns"] = stats::now_ns()?.into();
        writeln!(out, "{object}")?;
    } else {
        writeln!(out, "{at} {event}")?;
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State::of(&stats::tests::snapshot())
    }

    fn said(before: Option<&State>, now: Option<&State>) -> Vec<String> {
        let events = between(before, now);
        events.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn it_tells_who_comes_and_goes() {
        let some = state();
        assert_eq!(said(None, Some(&some)), ["in charge: vtime"]);
        assert_eq!(
            said(Some(&some), None),
            ["gone: the kernel's own scheduler is in charge"]
        );
        assert!(said(None, None).is_empty());
        assert!(said(Some(&some), Some(&some)).is_empty());
        let mut anew = some.clone();
        anew.generation = 0;
        assert_eq!(said(Some(&some), Some(&anew)), ["loaded again"]);
    }

    #[test]
    fn it_tells_what_people_set_and_what_auto_chose_but_not_turns() {
        let [fifo, vtime] = ["fifo", "vtime"].map(|name| name.parse::<Policy>().unwrap());
        let mut before = state();
        before.chosen = Some(fifo);
        let mut now = before.clone();
        now.generation += 3;
        now.active = Some(fifo);
        assert!(said(Some(&before), Some(&now)).is_empty());
        now.weights[0].1 = 5;
        now.period_us = 7000;
        now.pin = Some(vtime);
        now.chosen = Some(vtime);
        now.regimes = 2;
        let period = format!("period: {} us -> 7000 us", before.period_us);
        assert_eq!(
            said(Some(&before), Some(&now)),
            [
                "weight of fifo: 1 -> 5",
                &period,
                "pinned: vtime",
                "auto: the load is another one, regime 2",
                "auto: vtime in place of fifo"
            ]
        );
        let json = serde_json::to_value(Event::Pinned { policy: "vtime" }).unwrap();
        assert_eq!(json.to_string(), r#"{"event":"pinned","policy":"vtime"}"#);
        assert_eq!(
            said(
                Some(&now),
                Some(&State {
                    pin: None,
                    ..now.clone()
                })
            ),
            ["unpinned"]
        );
    }
}
