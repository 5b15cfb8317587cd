// SPDX-License-Identifier: GPL-2.0-only
//! What `scx_metabench probe` prints after its command's words: a histogram, and how long it
//! measured. The two sides of that are here, so that they cannot differ.

use std::time::Duration;

use anyhow::{Context, Result};
use labkit::probe::Sample;

use super::{histogram, said, Done};

const SECONDS: &str = "probe_seconds";

/// What the probe prints.
pub fn lines(samples: &[Sample], took: Duration) -> String {
    let late = samples.iter().map(|sample| sample.late.as_secs_f64() * 1e6);
    let bins = histogram::pooled(late.map(|us| (us, 1)));
    let seconds = took.as_secs_f64();
    format!("{}{SECONDS} {seconds:.6}\n", histogram::lines(&bins))
}

/// Wake-ups as the work that was done.
pub(super) fn read(said: &str) -> Result<Done> {
    let bins = histogram::read(said)?.context("there is no histogram of a probe")?;
    let wakeups: u64 = bins.iter().map(|(_, n)| n).sum();
    Ok(Done {
        operations: wakeups as f64,
        seconds: said::number_after(said, SECONDS)?,
        latency: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_probe_prints_is_read() {
        let late = |us| Sample {
            due: Duration::ZERO,
            late: Duration::from_micros(us),
        };
        let said = lines(&[late(90), late(7), late(90)], Duration::from_millis(1500));
        assert_eq!(
            said,
            "latency_us 7 1\nlatency_us 90 2\nprobe_seconds 1.500000\n"
        );
        let done = read(&said).unwrap();
        assert_eq!((done.operations, done.seconds), (3.0, 1.5));
    }

    #[test]
    fn half_of_it_is_an_error() {
        assert!(read("probe_seconds 1.5").is_err());
        assert!(read("latency_us 7 1").is_err());
    }
}
