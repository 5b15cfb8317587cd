// SPDX-License-Identifier: GPL-2.0-only
//! From a number that is read again and again to what it adds to the reward.

use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, io};

use anyhow::{ensure, Context, Result};

use super::source::Source;

/// Longest a server may take to answer.
const ANSWER_LIMIT_S: u64 = 1;

/// What a level of one is worth in a second.
const A_LEVEL: f64 = 1000.0;

/// A source, and what it said last.
pub(super) struct Reading {
    source: Source,
    /// It is a level, of which the mean counts.
    gauge: bool,
    before: f64,
    /// Less than one, which the next reading adds to.
    rest: f64,
}

impl Reading {
    /// Fails if the source says no number.
    pub(super) fn new(source: Source, gauge: bool) -> Result<Self> {
        let before = read(&source)?;
        Ok(Self {
            source,
            gauge,
            before,
            rest: 0.0,
        })
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn now(&self) -> Result<f64> {
        read(&self.source)
    }

    /// What came to it in this time.
    pub(super) fn more(&mut self, time: Duration) -> Result<u64> {
        let now = self.now()?;
        let more = match self.gauge {
            true => now * A_LEVEL * time.as_secs_f64(),
            // Who counts may begin anew.
            false if now < self.before => now,
            false => now - self.before,
        };
        self.before = now;
        self.rest += more.max(0.0);
        let whole = self.rest.floor();
        self.rest -= whole;
        Ok(whole as u64)
    }
}

fn read(source: &Source) -> Result<f64> {
    match source {
        Source::File(path) => number(&fs::read_to_string(path)?),
        Source::Command(command) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", command]).stdin(Stdio::null());
            let output = shell.stderr(Stdio::inherit()).output()?;
            ensure!(output.status.success(), "it ended with {}", output.status);
            number(&String::from_utf8_lossy(&output.stdout))
        }
        Source::Http { url, metric } => {
            let answer = minreq::get(url).with_timeout(ANSWER_LIMIT_S).send()?;
            ensure!(answer.status_code == 200, "status {}", answer.status_code);
            metric_of(answer.as_str()?, metric)
        }
        Source::Calls { .. } => Err(io::Error::from(io::ErrorKind::Unsupported).into()),
    }
}

fn number(text: &str) -> Result<f64> {
    let text = text.trim();
    let number: f64 = text
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .with_context(|| format!("`{text}` is no number"))?;
    Ok(number)
}

/// Of Prometheus' text: the sum of all lines of this name, or the one with these labels.
fn metric_of(text: &str, metric: &str) -> Result<f64> {
    let value = |line: &str| {
        let rest = line.strip_prefix(metric)?;
        let rest = match rest.strip_prefix('{') {
            Some(labels) => labels.rsplit_once('}')?.1,
            None => rest,
        };
        // Another metric's name may begin like this one.
        let rest = rest.strip_prefix([' ', '\t'])?;
        number(rest.split_whitespace().next()?).ok()
    };
    let values: Vec<f64> = text.lines().filter_map(value).collect();
    ensure!(!values.is_empty(), "there is no metric {metric}");
    Ok(values.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_adds_what_it_grew_by() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let say = |text: &str| fs::write(file.path(), text).unwrap();
        say("10\n");
        let source = Source::File(file.path().into());
        let mut reading = Reading::new(source, false).unwrap();
        let second = Duration::from_secs(1);
        for (said, more) in [
            ("12.5", 2),
            ("13", 1),
            ("13", 0),
            ("4", 4),
            ("4.9", 0),
            ("5.0", 1),
        ] {
            say(said);
            assert_eq!(reading.more(second).unwrap(), more, "{said}");
        }
        say("many");
        let error = reading.more(second).unwrap_err().to_string();
        assert_eq!(error, "`many` is no number");
    }

    #[test]
    fn a_level_adds_its_mean() {
        let source = Source::Command("echo 2.5".into());
        let mut reading = Reading::new(source, true).unwrap();
        let added: u64 = (0..10)
            .map(|_| reading.more(Duration::from_millis(10)).unwrap())
            .sum();
        assert_eq!(added, 250);
    }

    #[test]
    fn metrics_are_found_by_name_and_by_labels() {
        let text =
            "# HELP a_total Of all.\n# TYPE a_total counter\na_total{code=\"200\"} 3 1700000000\n\
                    a_total{code=\"500\"} 1\na_total_b 7\nb 1.5e3\n";
        assert_eq!(metric_of(text, "a_total").unwrap(), 4.0);
        assert_eq!(metric_of(text, "a_total{code=\"200\"}").unwrap(), 3.0);
        assert_eq!(metric_of(text, "b").unwrap(), 1500.0);
        assert!(metric_of(text, "a").is_err());
    }

    #[test]
    fn a_source_that_says_nothing_is_refused() {
        for text in [
            "file:/no/such/file",
            "cmd:exit 3",
            "cmd:echo",
            "http://127.0.0.1:9/m#x",
        ] {
            let source: Source = text.parse().unwrap();
            assert!(Reading::new(source, false).is_err(), "{text}");
        }
    }
}
