// SPDX-License-Identifier: GPL-2.0-only
//! wrk 4. What went wrong is in what it says, never in its exit status.
//!
//! wrk adds samples to its latencies ("coordinated omission": for each above twice the mean interval
//! of a connection, those of requests that could have been sent meanwhile), and the more the
//! longer requests waited. `workloads/wrk/latencies.lua` takes them out again; percentiles
//! that wrk prints itself have them, and `n` is then the requests that were made.

use anyhow::{bail, Context, Result};

use super::{said, Done};
use crate::trial::record::Latency;

/// Lines that are only there if requests failed, and then say how many.
const FAILURES: [&str; 2] = ["Socket errors:", "Non-2xx or 3xx responses:"];

pub fn read(said: &str) -> Result<Done> {
    let lines = || said.lines().map(str::trim);
    if let Some(failure) = lines().find(|line| FAILURES.iter().any(|f| line.starts_with(f))) {
        bail!("requests failed: {failure}");
    }
    let rate = said::number_after(said, "Requests/sec:")?;
    // `154101 requests in 2.10s, 637.23MB read`
    let requests: u64 = lines()
        .find_map(|line| line.split_once(" requests in ")?.0.parse().ok())
        .context("there is no `N requests in`")?;
    let at: Vec<_> = lines()
        .skip_while(|line| !line.starts_with("Latency Distribution"))
        .skip(1)
        .map_while(quantile)
        .collect();
    Ok(Done {
        operations: requests as f64,
        // Finer than the time it prints.
        seconds: requests as f64 / rate,
        latency: (!at.is_empty()).then_some(Latency::Quantiles { n: requests, at }),
    })
}

/// `99%    1.71ms`
fn quantile(line: &str) -> Option<(f64, f64)> {
    let (percent, time) = line.split_once('%')?;
    Some((said::number(percent)?, said::microseconds(time.trim())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of wrk 4.1.0.
    const SAID: &str = "Running 1s test @ http://127.0.0.1:8099/
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    79.90us   83.71us   2.91ms   99.04%
    Req/Sec    79.60k     9.50k   95.12k    63.64%
  Latency Distribution
     50%   75.00us
     75%   95.00us
     90%  116.00us
     99%    1.62ms
  86933 requests in 1.10s, 359.48MB read
Requests/sec:  79022.67
Transfer/sec:    326.77MB
";

    fn without(part: &str) -> String {
        assert!(SAID.contains(part), "{part}");
        SAID.replace(part, "")
    }

    #[test]
    fn rate_requests_and_percentiles_are_read() {
        let done = read(SAID).unwrap();
        assert_eq!(done.operations, 86933.0);
        assert!((done.operations / done.seconds - 79022.67).abs() < 1e-6);
        let Some(Latency::Quantiles { n, at }) = done.latency else {
            panic!("{done:?}");
        };
        assert_eq!(n, 86933);
        assert_eq!(
            at,
            [(50.0, 75.0), (75.0, 95.0), (90.0, 116.0), (99.0, 1620.0)]
        );
    }

    #[test]
    fn without_latency_there_is_only_a_rate() {
        let from = SAID.find("  Latency Distribution").unwrap();
        let to = SAID.find("  86933 requests").unwrap();
        let short = format!("{}{}", &SAID[..from], &SAID[to..]);
        assert_eq!(read(&short).unwrap().latency, None);
    }

    #[test]
    fn failed_requests_are_errors_with_their_counts() {
        for failure in [
            "Socket errors: connect 0, read 5, write 0, timeout 3",
            "Non-2xx or 3xx responses: 91105",
        ] {
            let said = SAID.replace("Requests/sec", &format!("  {failure}\nRequests/sec"));
            let error = read(&said).unwrap_err().to_string();
            assert_eq!(error, format!("requests failed: {failure}"));
        }
    }

    #[test]
    fn what_wrk_did_not_finish_is_an_error() {
        assert!(read("unable to connect to 127.0.0.1:8098 Connection refused").is_err());
        assert!(read(&without("Requests/sec:  79022.67")).is_err());
        assert!(read(&without("86933 requests in")).is_err());
    }
}
