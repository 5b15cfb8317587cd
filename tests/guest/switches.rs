// SPDX-License-Identifier: GPL-2.0-only
//! Who ran where and when, by the tracepoint sched_switch.

use std::time::Duration;
use std::{fs, thread};

const TRACING: &str = "/sys/kernel/tracing";

fn set(file: &str, value: &str) {
    fs::write(format!("{TRACING}/{file}"), value).unwrap();
}

/// From this time on the CPU runs this process; 0 is none.
struct Switch {
    at_ns: u64,
    cpu: usize,
    pid: u32,
}

/// All switches of some time.
pub struct Trace(Vec<Switch>);

impl Trace {
    /// Of so much time.
    pub fn record(time: Duration) -> Self {
        Self::during(|| thread::sleep(time))
    }

    pub fn during(what: impl FnOnce()) -> Self {
        set("tracing_on", "0");
        set("trace_clock", "mono");
        set("buffer_size_kb", "8192");
        set("trace", "");
        set("events/sched/sched_switch/enable", "1");
        set("tracing_on", "1");
        what();
        set("tracing_on", "0");
        set("events/sched/sched_switch/enable", "0");
        let text = fs::read_to_string(format!("{TRACING}/trace")).unwrap();
        set("trace", "");
        let mut switches: Vec<Switch> = text.lines().filter_map(parse).collect();
        switches.sort_by_key(|switch| switch.at_ns);
        assert!(switches.len() > 10, "no trace:\n{text}");
        Self(switches)
    }

    /// The longest span for which this CPU ran nobody, of those that began and ended in the trace.
    pub fn longest_idle(&self, cpu: usize) -> Duration {
        let mut since = None;
        let mut longest = 0;
        for switch in self.0.iter().filter(|switch| switch.cpu == cpu) {
            match (since, switch.pid) {
                (None, 0) => since = Some(switch.at_ns),
                (Some(begin), 1..) => {
                    longest = longest.max(switch.at_ns - begin);
                    since = None;
                }
                _ => (),
            }
        }
        Duration::from_nanos(longest)
    }

    /// Spans in which two CPUs ran processes of two groups at the same time,
    /// in nanoseconds; and how long the trace is.
    pub fn overlaps(&self, cpus: [usize; 2], groups: [&[u32]; 2]) -> (Vec<u64>, u64) {
        let mut running = [0, 0];
        let mut since = None;
        let mut spans = Vec::new();
        for switch in &self.0 {
            let Some(index) = cpus.iter().position(|cpu| *cpu == switch.cpu) else {
                continue;
            };
            running[index] = switch.pid;
            let both = |a: u32, b: u32| groups[0].contains(&a) && groups[1].contains(&b);
            let overlap = both(running[0], running[1]) || both(running[1], running[0]);
            match since {
                Some(begin) if !overlap => {
                    spans.push(switch.at_ns - begin);
                    since = None;
                }
                None if overlap => since = Some(switch.at_ns),
                _ => (),
            }
        }
        let (first, last) = (&self.0[0], &self.0[self.0.len() - 1]);
        spans.extend(since.map(|begin| last.at_ns - begin));
        (spans, last.at_ns - first.at_ns)
    }
}

/// `comm-pid [001] d..2. 12.345678: sched_switch: … ==> next_comm=… next_pid=…`
fn parse(line: &str) -> Option<Switch> {
    let (head, event) = line.split_once(": sched_switch: ")?;
    let cpu = head.rsplit_once('[')?.1.split_once(']')?.0;
    let (seconds, micros) = head.rsplit_once(' ')?.1.split_once('.')?;
    let pid = event.rsplit_once("next_pid=")?.1.split(' ').next()?;
    let seconds: u64 = seconds.parse().ok()?;
    let micros: u64 = micros.parse().ok()?;
    Some(Switch {
        at_ns: seconds * 1_000_000_000 + micros * 1000,
        cpu: cpu.parse().ok()?,
        pid: pid.parse().ok()?,
    })
}
