// SPDX-License-Identifier: GPL-2.0-only
//! The origin of figures: printed before any of them, stored beside them in the JSON file and
//! written below each picture.

use std::fmt;

use anyhow::{ensure, Result};
use labkit::machine::{self, Machine};
use serde::Serialize;

use crate::sample::Summary;
use crate::{once, table};

/// How, where, when and how often it was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Provenance {
    pub method: String,
    /// Several when runs had machines of different sizes.
    pub machines: Vec<Machine>,
    pub emulated: bool,
    pub measured: Vec<Measured>,
    pub command: String,
    pub date: String,
}

/// How often one thing was measured, and how far the values lie apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    pub what: String,
    pub n: usize,
    /// Width of the middle 80 % ÷ median.
    pub spread: f64,
}

impl Measured {
    pub fn of(what: impl Into<String>, sample: &Summary) -> Self {
        Self {
            what: what.into(),
            n: sample.n,
            spread: sample.spread(),
        }
    }

    /// Of several samples, the one whose values lie furthest apart.
    pub fn widest<'a>(samples: impl IntoIterator<Item = (String, &'a Summary)>) -> Option<Self> {
        let all = samples
            .into_iter()
            .map(|(what, sample)| Self::of(what, sample));
        all.reduce(|known, next| {
            if next.spread > known.spread {
                next
            } else {
                known
            }
        })
    }
}

impl Provenance {
    /// Puts it together, as of now. The same machine named twice counts once.
    pub fn new(
        method: impl Into<String>,
        machines: impl IntoIterator<Item = Machine>,
        measured: Vec<Measured>,
        command: impl Into<String>,
    ) -> Result<Self> {
        let distinct = once(machines);
        ensure!(
            !distinct.is_empty(),
            "figures need a machine they come from"
        );
        Ok(Self {
            method: method.into(),
            emulated: distinct.iter().any(Machine::is_emulated),
            machines: distinct,
            measured,
            command: command.into(),
            date: machine::date(),
        })
    }

    /// One line below a picture: method, machine, emulated or not.
    pub fn footnote(&self) -> String {
        let machines: Vec<_> = self.machines.iter().map(place).collect();
        format!("{} {}.", self.method, machines.join("; "))
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "method    {}", self.method)?;
        for machine in &self.machines {
            writeln!(f, "machine   {}", place(machine))?;
        }
        if self.emulated {
            writeln!(
                f,
                "emulated  yes: software plays the processor. Times are not those of a real \
                 machine;\n          compare them with each other, within one run."
            )?;
        } else {
            writeln!(f, "emulated  no")?;
        }
        for Measured { what, n, spread } in &self.measured {
            writeln!(
                f,
                "n         {} × {what}, middle 80 % within {} of the median",
                table::count(*n as u64),
                table::percent(*spread)
            )?;
        }
        writeln!(f, "again     {}", self.command)?;
        writeln!(f, "date      {}", self.date)
    }
}

fn place(machine: &Machine) -> String {
    format!("Linux {}, {}", machine.kernel, hardware(machine))
}

/// CPUs, and what plays them: `2 CPUs, emulated`.
pub fn hardware(machine: &Machine) -> String {
    let how = match (machine.is_emulated(), machine.clock) {
        (true, clock) => format!("emulated, {}", clock.describe()),
        (false, _) => machine.accel.clone(),
    };
    let cpus = if machine.cpus == 1 { "CPU" } else { "CPUs" };
    format!("{} {cpus}, {how}", machine.cpus)
}

#[cfg(test)]
mod tests {
    use labkit::clock::{Clock, Costs};

    use super::*;

    /// Of an emulated guest.
    fn provenance(clock: Clock) -> Provenance {
        let machine = Machine {
            kernel: "6.18.15".into(),
            accel: "tcg".into(),
            cpus: 2,
            clock,
        };
        let sample = Summary::of(&[90.0, 100.0, 120.0]).unwrap();
        Provenance::new(
            "Flips in one boot.",
            [machine.clone(), machine],
            vec![Measured::of("flip", &sample)],
            "cargo xtask bench switch",
        )
        .unwrap()
    }

    #[test]
    fn emulation_is_said_in_plain_words() {
        let provenance = provenance(Clock::Parallel(Costs::Flat));
        let text = provenance.to_string();
        assert!(
            text.contains("emulated  yes: software plays the processor"),
            "{text}"
        );
        assert!(
            text.contains("Linux 6.18.15, 2 CPUs, emulated, parallel virtual clock, flat costs"),
            "{text}"
        );
        assert!(
            text.contains("3 × flip, middle 80 % within 30.0 % of the median"),
            "{text}"
        );
        assert!(provenance.footnote().ends_with("flat costs."));
        assert_eq!(serde_json::to_value(&provenance).unwrap()["emulated"], true);
        assert_eq!(provenance.machines.len(), 1);
    }

    #[test]
    fn a_real_machine_is_not_called_emulated() {
        let mut machine = provenance(Clock::Host).machines.remove(0);
        machine.accel = "kvm".into();
        let real = Provenance::new("", [machine], vec![], "").unwrap();
        assert!(real.to_string().contains("emulated  no"));
        assert!(real.footnote().contains("2 CPUs, kvm"));
        assert!(Provenance::new("", [], vec![], "").is_err());
    }
}
