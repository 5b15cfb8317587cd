// SPDX-License-Identifier: GPL-2.0-only
//! What `scx_metabench probe` prints after its command's words: a histogram, and how long it
//! measured. The reader `probe` reads it.

use std::time::Duration;

use labkit::probe::Sample;

use super::histogram;

/// What the probe prints.
pub(crate) fn lines(samples: &[Sample], took: Duration) -> String {
    let bins = histogram::of(samples.iter().map(|sample| sample.late));
    let seconds = took.as_secs_f64();
    format!("{}probe_seconds {seconds:.6}\n", histogram::lines(&bins))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::tests::built_in;
    use crate::reading::Run;

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
        let run = Run {
            said,
            took: Duration::ZERO,
        };
        let reading = built_in("probe").read(&[run]).unwrap();
        assert_eq!(reading.throughput, 2.0);
    }
}
