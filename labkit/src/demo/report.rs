// SPDX-License-Identifier: GPL-2.0-only
//! What the run prints: a line a second, a table a phase, the summary, and the JSON object.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

use super::snapshot::Change;
use crate::machine::Machine;
use crate::probe;
use crate::probe::Latency;

/// Shares further from their weights than this are pointed out.
const SHARE_TOLERANCE: f64 = 0.02;

/// CPU time is bounded to slices and not to turns, so it follows less closely.
const CPU_TOLERANCE: f64 = 0.05;

/// A machine that stands still longer than this cannot keep turns of 100 ms.
const STALL: Duration = Duration::from_millis(50);

/// Everything the run found out.
pub struct Run {
    pub machine: Machine,
    pub seconds: u64,
    pub phases: Vec<Change>,
    /// From the end of loading to just before unloading.
    pub whole: Change,
    /// Highest cost of one switch since load.
    pub flip_max_ns: u64,
    pub latency: Latency,
    /// The same of a real-time task, where the machine grants that class.
    pub machine_latency: Option<Latency>,
    /// Unknown before kernel 6.18.
    pub bypass_activations: Option<u64>,
    pub enable_seq_delta: u64,
    /// CPU time that was not idle ÷ all, while both phases lasted.
    pub busy: f64,
}

/// One line about the last second: turns and share of each policy.
pub fn turns(since_load: Duration, change: &Change, active: Option<&str>) -> String {
    let mut line = format!("{:>5.1} s ", since_load.as_secs_f64());
    for policy in &change.policies {
        let _ = write!(
            line,
            "  {} {:>3.0} % ×{:<2}",
            policy.name,
            policy.share * 100.0,
            policy.turns
        );
    }
    let _ = write!(line, "  now {}", active.unwrap_or("nobody"));
    line
}

/// A table: shares of time and of CPU time against the weights.
pub fn phase(title: &str, change: &Change) -> String {
    let rotations = change.elapsed.as_secs_f64() / change.period.as_secs_f64();
    let mut text = format!(
        "{title}: {:.1} s, {rotations:.1} rotations of {} ms\n",
        change.elapsed.as_secs_f64(),
        change.period.as_millis()
    );
    let _ = writeln!(
        text,
        "  {:<8} {:>6} {:>9} {:>8} {:>9} {:>9} {:>9} {:>8}",
        "policy", "weight", "expected", "time", "CPU time", "enqueued", "ran", "removed"
    );
    for policy in &change.policies {
        let off = |share: f64, tolerance| {
            if (share - policy.expected_share).abs() > tolerance {
                "!"
            } else {
                " "
            }
        };
        let _ = writeln!(
            text,
            "  {:<8} {:>6} {:>9} {:>8}{}{:>8}{}{:>9} {:>9} {:>8}",
            policy.name,
            policy.weight,
            percent(policy.expected_share),
            percent(policy.share),
            off(policy.share, SHARE_TOLERANCE),
            percent(policy.share_ran),
            off(policy.share_ran, CPU_TOLERANCE),
            policy.enqueued,
            policy.ran,
            policy.removed,
        );
    }
    let _ = writeln!(
        text,
        "  beside these, tasks placed by the kernel itself used {} of the CPU time",
        percent(change.kernel_cpu_share).trim_start()
    );
    if change.skipped > 0 {
        let _ = writeln!(
            text,
            "  ! {} turns lost: the timer came late",
            change.skipped
        );
    }
    text
}

impl Run {
    /// The summary for people.
    pub fn summary(&self) -> String {
        let mut text = self.headline();
        for (number, change) in self.phases.iter().enumerate() {
            let title = match number {
                0 => "Equal weights",
                _ => "After bpftool",
            };
            let _ = write!(text, "\n{}", phase(title, change));
        }
        if self.is_off() {
            let _ = writeln!(
                text,
                "  ! further from its weight than {} points of time or {} of CPU time",
                SHARE_TOLERANCE * 100.0,
                CPU_TOLERANCE * 100.0
            );
        }
        let _ = write!(text, "\n{}", self.switching());
        let _ = write!(text, "{}", self.wakeups());
        if let Some(stall) = self.stall() {
            let _ = writeln!(
                text,
                "! the machine itself stood still for up to {}: a real-time task was that late. \
                 With the CPUs left to this run, shares are closer",
                milliseconds(stall)
            );
        }
        text
    }

    /// The longest time for which no scheduler could have done anything, if long.
    fn stall(&self) -> Option<Duration> {
        let latency = self.machine_latency.as_ref()?;
        (latency.max > STALL).then_some(latency.max)
    }

    fn headline(&self) -> String {
        let how = match self.machine.accel.as_str() {
            "tcg" => "emulated: absolute times say little, shares and counts hold",
            "kvm" => "a KVM guest",
            other => other,
        };
        format!(
            "Linux {} ({how}), {} CPUs, {} busy\n",
            self.machine.kernel,
            self.machine.cpus,
            percent(self.busy).trim_start()
        )
    }

    fn switching(&self) -> String {
        let bypasses = match self.bypass_activations {
            None => "bypasses unknown (the kernel tells from 6.18 on)".into(),
            Some(0) => "no bypass".into(),
            Some(count) => format!("! {count} bypasses"),
        };
        let enables = match self.enable_seq_delta {
            0 => "nothing loaded or unloaded".into(),
            count => format!("! enable_seq moved by {count}"),
        };
        format!(
            "{} switches in the kernel, {:.1} µs mean, {:.1} µs at most; {bypasses}, {enables}\n",
            self.whole.switches,
            self.mean_ns() / 1e3,
            self.flip_max_ns as f64 / 1e3,
        )
    }

    fn wakeups(&self) -> String {
        format!(
            "wake-ups late by {} (p50), {} (p99), {} at most; {} samples, one each {} ms, \
             timer slack {} ns\n",
            milliseconds(self.latency.p50),
            milliseconds(self.latency.p99),
            milliseconds(self.latency.max),
            self.latency.samples,
            probe::INTERVAL.as_millis(),
            probe::TIMER_SLACK.as_nanos(),
        )
    }

    fn is_off(&self) -> bool {
        let mut policies = self.phases.iter().flat_map(|change| &change.policies);
        policies.any(|policy| {
            (policy.share - policy.expected_share).abs() > SHARE_TOLERANCE
                || (policy.share_ran - policy.expected_share).abs() > CPU_TOLERANCE
        })
    }

    fn mean_ns(&self) -> f64 {
        let flips: u64 = self.whole.policies.iter().map(|policy| policy.turns).sum();
        self.whole.flip_ns as f64 / flips.max(1) as f64
    }

    /// The one line for machines.
    pub fn json(&self) -> Result<String> {
        let object = Object {
            kernel: &self.machine.kernel,
            accel: &self.machine.accel,
            seconds: self.seconds,
            switches: self.whole.switches,
            switch_ns: SwitchCost {
                mean: self.mean_ns().round(),
                max: self.flip_max_ns,
            },
            phases: self.phases.iter().map(PhaseObject::of).collect(),
            probe_wakeup_us: Wakeup {
                p50: microseconds(self.latency.p50),
                p99: microseconds(self.latency.p99),
            },
            bypass_activations: self.bypass_activations,
            enable_seq_delta: self.enable_seq_delta,
            exit: "clean",
        };
        serde_json::to_string(&object).context("cannot write the JSON object")
    }
}

#[derive(Serialize)]
struct Object<'a> {
    kernel: &'a str,
    accel: &'a str,
    seconds: u64,
    switches: u64,
    switch_ns: SwitchCost,
    phases: Vec<PhaseObject<'a>>,
    probe_wakeup_us: Wakeup,
    bypass_activations: Option<u64>,
    enable_seq_delta: u64,
    exit: &'static str,
}

#[derive(Serialize)]
struct SwitchCost {
    mean: f64,
    max: u64,
}

#[derive(Serialize)]
struct Wakeup {
    p50: f64,
    p99: f64,
}

#[derive(Serialize)]
struct PhaseObject<'a> {
    policies: Vec<PolicyObject<'a>>,
}

#[derive(Serialize)]
struct PolicyObject<'a> {
    name: &'a str,
    weight: u64,
    share: f64,
    expected_share: f64,
    share_ran: f64,
    enqueued: u64,
    ran: u64,
}

impl<'a> PhaseObject<'a> {
    fn of(change: &'a Change) -> Self {
        let policies = change.policies.iter().map(|policy| PolicyObject {
            name: &policy.name,
            weight: policy.weight,
            share: four_digits(policy.share),
            expected_share: four_digits(policy.expected_share),
            share_ran: four_digits(policy.share_ran),
            enqueued: policy.enqueued,
            ran: policy.ran,
        });
        Self {
            policies: policies.collect(),
        }
    }
}

fn four_digits(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}

fn microseconds(time: Duration) -> f64 {
    (time.as_nanos() as f64 / 100.0).round() / 10.0
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

fn percent(share: f64) -> String {
    format!("{:>5.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::tests::{snapshot, MS};
    use super::*;

    fn change() -> Change {
        let from = snapshot(4, &[("fifo", 3, 0, 0, 0), ("vtime", 1, 0, 0, 0)]);
        let to = snapshot(
            8,
            &[
                ("fifo", 3, 300 * MS, 299, 10),
                ("vtime", 1, 100 * MS, 101, 20),
            ],
        );
        Change::between(&from, &to).unwrap()
    }

    fn run() -> Run {
        Run {
            machine: Machine {
                kernel: "6.18.1".into(),
                accel: "tcg".into(),
                cpus: 2,
                clock: crate::clock::Clock::Host,
            },
            seconds: 30,
            phases: vec![change(), change()],
            whole: change(),
            flip_max_ns: 2000,
            latency: Latency {
                p50: Duration::from_micros(1500),
                p99: Duration::from_nanos(9_876_543),
                max: Duration::from_millis(12),
                samples: 400,
            },
            machine_latency: None,
            bypass_activations: Some(0),
            enable_seq_delta: 0,
            busy: 0.995,
        }
    }

    #[test]
    fn the_object_has_exactly_the_promised_keys_in_order() {
        let json = run().json().unwrap();
        let policy = |name, weight, share, ran, n| {
            format!(
                r#"{{"name":"{name}","weight":{weight},"share":{share},"expected_share":{share},"share_ran":{ran},"enqueued":{n},"ran":{n}}}"#
            )
        };
        let phase = format!(
            r#"{{"policies":[{},{}]}}"#,
            policy("fifo", 3, 0.75, 0.7475, 10),
            policy("vtime", 1, 0.25, 0.2525, 20)
        );
        let expected = format!(
            concat!(
                r#"{{"kernel":"6.18.1","accel":"tcg","seconds":30,"switches":4,"#,
                r#""switch_ns":{{"mean":1000.0,"max":2000}},"phases":[{phase},{phase}],"#,
                r#""probe_wakeup_us":{{"p50":1500.0,"p99":9876.5}},"bypass_activations":0,"#,
                r#""enable_seq_delta":0,"exit":"clean"}}"#
            ),
            phase = phase
        );
        assert_eq!(json, expected);
    }

    #[test]
    fn unknown_bypasses_are_null() {
        let run = Run {
            bypass_activations: None,
            ..run()
        };
        assert!(run.json().unwrap().contains(r#""bypass_activations":null"#));
        assert!(run.summary().contains("bypasses unknown"));
    }

    #[test]
    fn the_summary_points_at_shares_that_are_off() {
        assert!(!run().summary().contains('!'));
        let mut run = run();
        run.phases[0].policies[0].share = 0.72;
        assert!(run.summary().contains("72.0 %!"));
    }

    #[test]
    fn the_summary_points_at_bypasses() {
        let run = Run {
            bypass_activations: Some(3),
            ..run()
        };
        assert!(run.summary().contains("! 3 bypasses"));
    }

    #[test]
    fn a_machine_that_stood_still_is_told() {
        let mut run = run();
        run.machine_latency = Some(Latency {
            max: STALL,
            ..run.latency
        });
        assert!(!run.summary().contains("stood still"));
        run.machine_latency = run.machine_latency.map(|latency| Latency {
            max: STALL * 2,
            ..latency
        });
        assert!(run.summary().contains("stood still for up to 100.00 ms"));
    }

    #[test]
    fn lost_turns_are_told() {
        let change = Change {
            skipped: 7,
            ..change()
        };
        assert!(phase("Equal weights", &change).contains("! 7 turns lost"));
    }

    #[test]
    fn a_second_fits_on_a_line() {
        let line = turns(Duration::from_millis(2500), &change(), Some("vtime"));
        assert!(line.starts_with("  2.5 s   fifo  75 % ×2 "), "{line}");
        assert!(line.ends_with("now vtime") && !line.contains('\n'));
    }
}
