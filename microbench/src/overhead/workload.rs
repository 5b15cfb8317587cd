// SPDX-License-Identifier: GPL-2.0-only
//! Whole workloads, and the throughput they report.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{ensure, Context, Result};
use labkit::process;
use serde::{Deserialize, Serialize};

use super::web;

/// perf's messaging has so many senders a group, and as many receivers.
const SENDERS: u32 = 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Workload {
    /// perf bench sched messaging
    Messaging,
    /// perf bench sched pipe
    Pipe,
    /// wrk against nginx
    Web,
}

impl Workload {
    /// For people, and the keys of the JSON file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Messaging => "messaging",
            Self::Pipe => "pipe",
            Self::Web => "web",
        }
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Messaging => "messages/s",
            Self::Pipe => "round trips/s",
            Self::Web => "requests/s",
        }
    }
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Sizes {
    /// End to end: groups of 40 tasks (perf bench sched messaging -g)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) messaging_groups: u32,

    /// End to end: messages from each sender to each receiver (perf bench sched messaging -l)
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) messages: u32,

    /// End to end: round trips (perf bench sched pipe -l)
    #[arg(long, value_name = "N", default_value_t = 6000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pipes: u32,

    /// End to end: seconds of wrk
    #[arg(long, value_name = "SECS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) web_seconds: u32,

    /// End to end: connections of wrk
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub(crate) web_connections: u32,

    /// The program wrk
    #[arg(long, value_name = "PATH")]
    pub(crate) wrk: Option<PathBuf>,
}

impl Sizes {
    pub(crate) fn describe(&self) -> String {
        format!(
            "perf bench sched messaging -g {} -l {}, perf bench sched pipe -l {}, wrk -t1 -c{} \
             -d{}s against nginx with two workers",
            self.messaging_groups,
            self.messages,
            self.pipes,
            self.web_connections,
            self.web_seconds
        )
    }

    /// Runs it once; operations a second.
    pub(crate) fn run(&self, workload: Workload) -> Result<f64> {
        match workload {
            Workload::Messaging => {
                let groups = self.messaging_groups.to_string();
                let messages = self.messages.to_string();
                let said = perf(&["messaging", "-g", &groups, "-l", &messages])?;
                let sent = SENDERS * SENDERS * self.messaging_groups * self.messages;
                Ok(f64::from(sent) / seconds(&said)?)
            }
            Workload::Pipe => {
                let said = perf(&["pipe", "-l", &self.pipes.to_string()])?;
                round_trips(&said)
            }
            Workload::Web => {
                let wrk = self.wrk.as_ref().context("--wrk is missing")?;
                let mut command = Command::new(wrk);
                command.arg("-t1");
                command.arg(format!("-c{}", self.web_connections));
                command.arg(format!("-d{}s", self.web_seconds));
                requests(&process::run(command.arg(web::URL))?)
            }
        }
    }
}

fn perf(words: &[&str]) -> Result<String> {
    let mut command = Command::new("perf");
    command.args(["bench", "sched"]).args(words);
    process::run(&mut command)
}

/// `     Total time: 0.042 [sec]`
fn seconds(said: &str) -> Result<f64> {
    let seconds = number_after(said, "Total time:");
    let seconds = seconds.with_context(|| format!("perf bench named no time: {said}"))?;
    ensure!(
        seconds > 0.0,
        "a run of perf bench was too short for its clock"
    );
    Ok(seconds)
}

/// `       5.789500 usecs/op`: finer than the total, which has milliseconds.
fn round_trips(said: &str) -> Result<f64> {
    let before = said.split_once("usecs/op").map(|(before, _)| before);
    let us = before.and_then(|before| before.split_whitespace().last()?.parse::<f64>().ok());
    let us = us.with_context(|| format!("perf bench named no time of one: {said}"))?;
    ensure!(us > 0.0, "perf bench named no time: {said}");
    Ok(1e6 / us)
}

/// `Requests/sec:    542.11`; wrk counts what went wrong, and its status says nothing of it.
fn requests(said: &str) -> Result<f64> {
    for wrong in ["Non-2xx", "Socket errors"] {
        ensure!(!said.contains(wrong), "requests failed: {said}");
    }
    let requests = number_after(said, "Requests/sec:");
    let requests = requests.with_context(|| format!("wrk named no rate: {said}"))?;
    ensure!(requests > 0.0, "wrk made no request: {said}");
    Ok(requests)
}

fn number_after(said: &str, name: &str) -> Option<f64> {
    let (_, rest) = said.split_once(name)?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_perf_and_wrk_say_is_understood() {
        let perf = "# 1 groups == 40 processes run\n\n     Total time: 0.042 [sec]\n";
        assert_eq!(seconds(perf).unwrap(), 0.042);
        let wrk =
            "  544 requests in 1.00s, 2.31MB read\nRequests/sec:    542.11\nTransfer/sec: 2MB\n";
        assert_eq!(requests(wrk).unwrap(), 542.11);
    }

    #[test]
    fn what_cannot_be_a_result_is_refused() {
        assert!(seconds("Total time: 0.000 [sec]").is_err());
        assert!(seconds("Usage: perf bench").is_err());
        assert!(round_trips("Usage: perf bench").is_err());
        assert!(requests("Requests/sec: 0.00").is_err());
        let failed = "  Non-2xx or 3xx responses: 7\nRequests/sec: 540.0\n";
        assert!(requests(failed)
            .unwrap_err()
            .to_string()
            .contains("Non-2xx"));
    }
}
