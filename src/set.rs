// SPDX-License-Identifier: GPL-2.0-only
//! `scx_meta set`, `pin` and `unpin`: all changes of a command or none of them,
//! whatever becomes of its output.
//!
//! ```text
//! read what stands in the maps ─► ask each map whether it takes a write
//!   ─► write all, raises first ── one fails ──► put back those before it
//!   ─► have the program look at its maps ─► print
//! ```
//!
//! Nothing is printed between the first write and the last, so that a reader
//! that went away or a full disk cannot stop half-way.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use anyhow::{bail, ensure, Context, Error, Result};

use crate::live;
use crate::live::{Knobs, Live};
use crate::policy::{join, Policy};
use crate::weights::{Assignment, Weights};

/// One value that people may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Weight(Policy),
    PeriodUs,
    Pin,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weight(policy) => write!(f, "the weight of {policy}"),
            Self::PeriodUs => f.write_str("the period"),
            Self::Pin => f.write_str("the pin"),
        }
    }
}

/// Where the values stand: the maps of a running program.
pub(crate) trait Store {
    /// None: somebody deleted the key, which counts as 0.
    fn read(&self, slot: Slot) -> Result<Option<u32>>;

    /// None deletes the key.
    fn write(&self, slot: Slot, value: Option<u32>) -> Result<()>;

    /// Fails if the map would refuse a write; changes no value.
    fn probe(&self, slot: Slot) -> Result<()>;
}

#[derive(Clone, Copy, Debug)]
struct Change {
    slot: Slot,
    old: Option<u32>,
    new: u32,
}

impl Change {
    fn of(store: &impl Store, slot: Slot, new: u32) -> Result<Self> {
        Ok(Self {
            slot,
            old: store.read(slot)?,
            new,
        })
    }

    fn old(&self) -> u32 {
        self.old.unwrap_or(0)
    }

    /// What was done, and the bpftool line that does the same.
    fn describe(&self) -> String {
        let (old, new) = (self.old(), self.new);
        match self.slot {
            Slot::Weight(policy) => format!(
                "# {policy}: weight {old} -> {new}\n{}\n",
                live::bpftool_line("weights", policy.id(), new)
            ),
            Slot::PeriodUs => format!(
                "# period: {old} us -> {new} us\n{}\n",
                live::bpftool_line("period_us", 0, new)
            ),
            Slot::Pin => {
                let held = match Policy::from_id(new) {
                    Some(policy) => format!("{policy} is held until `scx_meta unpin`"),
                    None => "no pin: the weights decide, or --auto".to_owned(),
                };
                format!("# {held}\n{}\n", live::bpftool_line("pinned", 0, new))
            }
        }
    }
}

/// `scx_meta set`.
pub(crate) fn set(live: &Live, items: &[Assignment], out: &mut impl Write) -> Result<()> {
    let loaded = live.weights()?;
    let mut changes = Vec::new();
    for item in items {
        let (slot, new) = match *item {
            Assignment::Weight(policy, new) => (Slot::Weight(require(&loaded, policy)?), new),
            Assignment::PeriodUs(new) => (Slot::PeriodUs, new),
        };
        changes.push(Change::of(live, slot, new)?);
    }
    let slice = Duration::from_micros(live.status()?.slice_us.into());
    let (weights, period_us) = after(&loaded, live.period_us()?, &changes);
    let chooses = live.learned()?.is_some();
    commit(
        live,
        changes,
        || live.apply(),
        remark(&weights, chooses),
        out,
    )?;
    if let Some(warning) = weights.warn_of_short_turns(period_us, slice) {
        log::warn!("{warning}");
    }
    Ok(())
}

/// `scx_meta pin` and `unpin`.
pub(crate) fn set_pin(live: &Live, policy: Option<Policy>, out: &mut impl Write) -> Result<()> {
    if let Some(policy) = policy {
        require(&live.weights()?, policy)?;
    }
    let change = Change::of(live, Slot::Pin, live::pin_value(policy))?;
    commit(live, vec![change], || live.apply(), "", out)
}

/// All that people can set, as it would be at load. With `chooses`, whoever chooses by itself must have
/// been loaded for that.
pub(crate) fn set_all(
    live: &Live,
    knobs: &Knobs,
    chooses: bool,
    out: &mut impl Write,
) -> Result<()> {
    let loaded = live.weights()?;
    for policy in knobs.weights.turning().chain(knobs.pin) {
        require(&loaded, policy)?;
    }
    ensure!(
        !chooses || live.learned()?.is_some(),
        "the running scx_meta was started without --auto"
    );
    let weight = |policy: Policy| (Slot::Weight(policy), knobs.weights.get(policy));
    let slots = loaded.iter().map(|(policy, _)| weight(*policy)).chain([
        (Slot::PeriodUs, knobs.period_us),
        (Slot::Pin, live::pin_value(knobs.pin)),
    ]);
    let changes = slots.map(|(slot, new)| Change::of(live, slot, new));
    let mut changes = changes.collect::<Result<Vec<_>>>()?;
    changes.retain(|change| change.old != Some(change.new));
    commit(live, changes, || live.apply(), "", out)
}

/// `scx_meta auto on`: takes back pin and weights.
pub(crate) fn let_choose(live: &Live, out: &mut impl Write) -> Result<()> {
    let weights = live.weights()?.into_iter();
    let weighty = weights.filter(|(_, weight)| *weight > 0);
    let slots = weighty.map(|(policy, _)| Slot::Weight(policy));
    let slots = slots.chain(live.pin()?.map(|_| Slot::Pin));
    let changes = slots.map(|slot| Change::of(live, slot, 0));
    let changes = changes.collect::<Result<_>>()?;
    commit(live, changes, || live.apply(), "# --auto chooses\n", out)
}

/// A policy that the running loader has.
fn require(loaded: &[(Policy, u32)], policy: Policy) -> Result<Policy> {
    if loaded.iter().any(|(there, _)| *there == policy) {
        return Ok(policy);
    }
    bail!(
        "the running scx_meta does not have `{policy}`, only {} (--policies)",
        join(loaded.iter().map(|(policy, _)| *policy))
    )
}

/// The values as they will stand.
fn after(loaded: &[(Policy, u32)], period_us: u32, changes: &[Change]) -> (Weights, u32) {
    let changed = |slot| changes.iter().find(|change| change.slot == slot);
    let weights = loaded.iter().map(|(policy, weight)| {
        let new = changed(Slot::Weight(*policy)).map(|change| change.new);
        (*policy, new.unwrap_or(*weight))
    });
    let period_us = changed(Slot::PeriodUs).map_or(period_us, |change| change.new);
    (Weights::new(weights), period_us)
}

fn remark(weights: &Weights, chooses: bool) -> &'static str {
    match weights.in_rotation() {
        0 if chooses => "# all weights are 0: --auto chooses\n",
        0 => "# all weights are 0: the current policy is held\n",
        _ => "",
    }
}

/// Writes all, has them applied, then prints.
fn commit(
    store: &impl Store,
    mut changes: Vec<Change>,
    apply: impl FnOnce() -> Result<()>,
    remark: &str,
    out: &mut impl Write,
) -> Result<()> {
    for change in &changes {
        store
            .probe(change.slot)
            .with_context(|| format!("nothing is changed: {} cannot be written", change.slot))?;
    }
    raises_first(&mut changes);
    write_all(store, &changes)?;
    let applied = apply();

    let lines: String = changes.iter().map(Change::describe).collect();
    let printed = out
        .write_all((lines + remark).as_bytes())
        .and_then(|()| out.flush());
    applied.context("all is written, and the program will find it by itself, but")?;
    printed.context("all is written and in effect, but cannot be printed")
}

/// So the rotation never runs dry between two writes.
fn raises_first(changes: &mut [Change]) {
    changes.sort_by_key(|change| change.new < change.old());
}

fn write_all(store: &impl Store, changes: &[Change]) -> Result<()> {
    for (done, change) in changes.iter().enumerate() {
        if let Err(error) = store.write(change.slot, Some(change.new)) {
            return Err(put_back(store, &changes[..done], error));
        }
    }
    Ok(())
}

/// Undoes in the opposite order, so that here, too, raises come first.
fn put_back(store: &impl Store, written: &[Change], cause: Error) -> Error {
    let stuck: Vec<String> = written
        .iter()
        .rev()
        .filter_map(|change| {
            let failed = store.write(change.slot, change.old).err()?;
            Some(format!("{} is {} ({failed:#})", change.slot, change.new))
        })
        .collect();
    match stuck.is_empty() {
        true => cause.context("nothing is changed"),
        false => cause.context(format!("could not be put back: {}", stuck.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::io;

    use super::*;

    fn policy(name: &str) -> Policy {
        name.parse().unwrap()
    }

    /// Maps whose writes end at some point.
    #[derive(Default)]
    struct Fake {
        values: RefCell<Vec<(Slot, u32)>>,
        refuses: Option<Slot>,
        /// Writes that succeed before all others fail; None: all succeed.
        writes: Cell<Option<u32>>,
        /// Fails once and then works again.
        recovers: bool,
    }

    impl Fake {
        fn with(values: &[(Slot, u32)]) -> Self {
            Self {
                values: RefCell::new(values.to_vec()),
                ..Self::default()
            }
        }

        fn changes(&self, wanted: &[(Slot, u32)]) -> Vec<Change> {
            let changes = wanted
                .iter()
                .map(|(slot, new)| Change::of(self, *slot, *new));
            changes.collect::<Result<_>>().unwrap()
        }

        fn commit(&self, wanted: &[(Slot, u32)], out: &mut impl Write) -> (bool, Result<()>) {
            let applied = Cell::new(false);
            let apply = || {
                applied.set(true);
                Ok(())
            };
            let done = commit(self, self.changes(wanted), apply, "", out);
            (applied.get(), done)
        }
    }

    impl Store for Fake {
        fn read(&self, slot: Slot) -> Result<Option<u32>> {
            let values = self.values.borrow();
            let found = values.iter().find(|(there, _)| *there == slot);
            Ok(found.map(|(_, value)| *value))
        }

        fn write(&self, slot: Slot, value: Option<u32>) -> Result<()> {
            match self.writes.get() {
                Some(0) => {
                    self.writes.set((!self.recovers).then_some(0));
                    bail!("writing {slot}: the map is full");
                }
                left => self.writes.set(left.map(|left| left - 1)),
            }
            let mut values = self.values.borrow_mut();
            values.retain(|(there, _)| *there != slot);
            values.extend(value.map(|value| (slot, value)));
            Ok(())
        }

        fn probe(&self, slot: Slot) -> Result<()> {
            match self.refuses == Some(slot) {
                true => bail!("the map is frozen"),
                false => Ok(()),
            }
        }
    }

    /// A file on a full disk, or a pipe without a reader.
    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    fn slots() -> [Slot; 4] {
        let weight = |name| Slot::Weight(policy(name));
        [
            weight("fifo"),
            weight("vtime"),
            weight("nest"),
            Slot::PeriodUs,
        ]
    }

    #[test]
    fn a_later_item_that_is_refused_leaves_all_as_it_was() {
        let [fifo, vtime, nest, period] = slots();
        let before = [(fifo, 1), (vtime, 1), (period, 5000)];
        let wanted = [(fifo, 11), (vtime, 0), (period, 9000), (nest, 13)];
        let mut frozen = Fake::with(&before);
        frozen.refuses = Some(nest);
        let (applied, done) = frozen.commit(&wanted, &mut Vec::new());
        assert_eq!(
            format!("{:#}", done.unwrap_err()),
            "nothing is changed: the weight of nest cannot be written: the map is frozen"
        );
        assert!(!applied);
        assert_eq!(*frozen.values.borrow(), before);
    }

    #[test]
    fn a_later_write_that_fails_undoes_those_before_it() {
        let [fifo, vtime, nest, period] = slots();
        let before = [(fifo, 1), (vtime, 1), (period, 5000)];
        let wanted = [(vtime, 0), (nest, 13), (fifo, 11), (period, 9000)];
        for writes in 0..wanted.len() as u32 {
            let mut full = Fake::with(&before);
            full.writes.set(Some(writes));
            full.recovers = true;
            let mut out = Vec::new();
            let (applied, done) = full.commit(&wanted, &mut out);
            let error = format!("{:#}", done.unwrap_err());
            assert!(error.starts_with("nothing is changed: "), "{error}");
            assert!(error.ends_with(": the map is full"), "{error}");
            assert!(!applied && out.is_empty(), "{writes}");
            for slot in slots() {
                let old = before.iter().find(|(there, _)| *there == slot);
                let old = old.map(|(_, value)| *value);
                assert_eq!(full.read(slot).unwrap(), old, "{slot} after {writes}");
            }
        }
    }

    #[test]
    fn what_cannot_be_put_back_is_named() {
        let [fifo, vtime, ..] = slots();
        let broken = Fake::with(&[(fifo, 1), (vtime, 1)]);
        broken.writes.set(Some(1));
        let (_, done) = broken.commit(&[(fifo, 11), (vtime, 12)], &mut Vec::new());
        assert_eq!(
            format!("{:#}", done.unwrap_err()),
            "could not be put back: the weight of fifo is 11 \
             (writing the weight of fifo: the map is full): \
             writing the weight of vtime: the map is full"
        );
    }

    #[test]
    fn no_output_stops_a_change() {
        let [fifo, vtime, nest, _] = slots();
        for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::StorageFull] {
            let maps = Fake::with(&[(fifo, 1), (vtime, 1)]);
            let wanted = [(fifo, 11), (vtime, 12), (nest, 13)];
            let (applied, done) = maps.commit(&wanted, &mut Broken(kind));
            let error = done.unwrap_err();
            assert!(format!("{error:#}").starts_with("all is written and in effect, "));
            // By this main() tells a reader that went away, which is no failure.
            let cause = error
                .chain()
                .find_map(|cause| cause.downcast_ref::<io::Error>());
            assert_eq!(cause.unwrap().kind(), kind);
            assert!(applied);
            for (slot, value) in wanted {
                assert_eq!(maps.read(slot).unwrap(), Some(value), "{slot}");
            }
        }
    }

    #[test]
    fn raises_come_before_lowerings() {
        let [fifo, vtime, nest, period] = slots();
        let maps = Fake::with(&[(fifo, 1), (vtime, 0), (period, 7)]);
        let mut changes = maps.changes(&[(fifo, 0), (vtime, 1), (nest, 0), (period, 5)]);
        raises_first(&mut changes);
        let order: Vec<Slot> = changes.iter().map(|change| change.slot).collect();
        assert_eq!(order, [vtime, nest, fifo, period]);
    }

    #[test]
    fn the_values_as_they_will_stand_are_the_old_ones_with_the_changes() {
        let loaded = [(policy("fifo"), 1), (policy("vtime"), 1)];
        let [fifo, vtime, _, period] = slots();
        let maps = Fake::with(&[(fifo, 1), (vtime, 1), (period, 100_000)]);
        let after = |wanted: &[(Slot, u32)]| {
            let (weights, period_us) = after(&loaded, 100_000, &maps.changes(wanted));
            (weights.describe(), period_us, remark(&weights, false))
        };
        assert_eq!(after(&[(fifo, 2)]), ("fifo 2, vtime 1".into(), 100_000, ""));
        let slower = after(&[(period, 5000)]);
        assert_eq!(slower, ("fifo 1, vtime 1".into(), 5000, ""));
        let (_, _, held) = after(&[(fifo, 0), (vtime, 0)]);
        assert_eq!(held, "# all weights are 0: the current policy is held\n");
    }
}
