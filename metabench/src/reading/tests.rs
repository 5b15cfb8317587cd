// SPDX-License-Identifier: GPL-2.0-only
//! What load generators printed, and the numbers in it.

use super::*;

fn run(said: &str, seconds: u64) -> Run {
    Run {
        said: said.into(),
        took: Duration::from_secs(seconds),
    }
}

/// One of `readers.toml`.
pub(crate) fn built_in(name: &str) -> Reader {
    told(name, Told::default())
}

pub(crate) fn told(name: &str, told: Told) -> Reader {
    Reader::Form {
        name: name.into(),
        form: Readers::built_in()
            .unwrap()
            .get(name)
            .unwrap()
            .clone()
            .into(),
        told,
    }
}

/// As a user writes one.
fn form(text: &str) -> Reader {
    let form: Form = toml::from_str(text).unwrap();
    form.check().unwrap();
    Reader::regex(form)
}

fn done(reader: &Reader, said: &str) -> Done {
    reader.one(&run(said, 4)).unwrap()
}

fn rate(reader: &Reader, said: &str) -> f64 {
    let done = done(reader, said);
    done.operations / done.seconds
}

/// Of wrk 4.1.0.
const WRK: &str = "Running 1s test @ http://127.0.0.1:8099/
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

#[test]
fn wrk_prints_rate_and_requests_and_maybe_percentiles() {
    let wrk = built_in("wrk");
    let read = done(&wrk, WRK);
    assert_eq!(read.operations, 86933.0);
    assert!((read.operations / read.seconds - 79022.67).abs() < 1e-6);
    let n = 86933;
    let at = vec![(50.0, 75.0), (75.0, 95.0), (90.0, 116.0), (99.0, 1620.0)];
    assert_eq!(read.latency, Some(Latency::Quantiles { n, at }));
    let from = WRK.find("  Latency Distribution").unwrap();
    let to = WRK.find("  86933 requests").unwrap();
    let short = format!("{}{}", &WRK[..from], &WRK[to..]);
    assert_eq!(done(&wrk, &short).latency, None);
}

/// Of perf 6.1, as the next.
const MESSAGING: &str = "# Running 'sched/messaging' benchmark:
# 20 sender and receiver processes per group
# 1 groups == 40 processes run

     Total time: 0.056 [sec]
";

const PIPE: &str = "# Running 'sched/pipe' benchmark:
# Executed 6000 pipe operations between two processes

     Total time: 0.262 [sec]

      43.691500 usecs/op
          22887 ops/sec
";

fn perf(operations: u64) -> Reader {
    let operations = Some(operations);
    let part = None;
    told("perf-bench", Told { operations, part })
}

#[test]
fn messaging_is_operations_of_the_workload_by_perfs_time() {
    let full = done(&perf(24_000), MESSAGING);
    assert_eq!((full.operations, full.seconds), (24_000.0, 0.056));
    let simple = done(&perf(24_000), "0.050\nlatency_us 3 4\n");
    assert_eq!((simple.operations, simple.seconds), (24_000.0, 0.05));
}

#[test]
fn pipe_prints_everything_itself() {
    let read = done(&built_in("perf-bench"), PIPE);
    assert_eq!(read.operations, 6000.0);
    assert!(
        (read.operations / read.seconds - 22887.75).abs() < 0.01,
        "{read:?}"
    );
    assert_eq!(done(&perf(6000), PIPE), read);
}

/// Of stress-ng 0.15.06, as the next.
const STRESS_NG: &str = "\
stress-ng: info:  [21985] setting to a 1 second run per stressor
stress-ng: info:  [21985] dispatching hogs: 1 yield, 1 fault, 1 pipe
stress-ng: metrc: [21985] stressor       bogo ops real time  usr time  sys time   bogo ops/s     bogo ops/s CPU used per       RSS Max
stress-ng: metrc: [21985]                           (secs)    (secs)    (secs)   (real time) (usr+sys time) instance (%)          (KB)
stress-ng: metrc: [21985] yield            209476      1.00      0.02      0.18    208788.80     1054412.93        19.80          2552
stress-ng: metrc: [21985] fault              6523      1.00      0.01      0.48      6521.12       13478.86        48.38          2584
stress-ng: metrc: [21985] pipe             313067      1.00      0.07      0.45    312495.25      606475.70        51.53          2424
stress-ng: metrc: [21985] miscellaneous metrics:
stress-ng: metrc: [21985] yield              19034.59 ns duration per sched_yield call (geometic mean of 1 instances)
stress-ng: metrc: [21985] fault              32667.04 minor page faults per sec (geometic mean of 1 instances)
stress-ng: info:  [21985] successful run completed in 1.01s
";

/// `--metrics-brief`
const BRIEF: &str = "\
stress-ng: info:  [18428] dispatching hogs: 1 cpu, 1 fork
stress-ng: metrc: [18428] stressor       bogo ops real time  usr time  sys time   bogo ops/s     bogo ops/s
stress-ng: metrc: [18428]                           (secs)    (secs)    (secs)   (real time) (usr+sys time)
stress-ng: metrc: [18428] cpu                1930      1.00      0.88      0.01      1928.05        2174.93
stress-ng: metrc: [18428] fork               1807      1.00      0.38      0.39      1806.58        2365.99
stress-ng: info:  [18428] successful run completed in 1.00s
";

fn stressor(name: &str) -> Reader {
    let part = Some(name.into());
    let operations = None;
    told("stress-ng", Told { operations, part })
}

#[test]
fn rates_of_all_stressors_or_of_one() {
    let all = built_in("stress-ng");
    assert!((rate(&all, STRESS_NG) - 527_805.17).abs() < 0.01);
    assert!((rate(&stressor("fault"), STRESS_NG) - 6521.12).abs() < 1e-6);
    assert!((rate(&all, BRIEF) - 3734.63).abs() < 1e-6);
    let old = BRIEF.replace("metrc: ", "info:  ");
    assert!((rate(&stressor("cpu"), &old) - 1928.05).abs() < 1e-6);
}

/// Of schbench at 24e32b8, 2025: `-m 1 -t 2 -r 3 -i 1`, first and last block.
const SCHBENCH: &str = "\
Wakeup Latencies percentiles (usec) runtime 1 (s) (583 total samples)
\t  50.0th: 4          (104 samples)
\t  90.0th: 24         (206 samples)
\t* 99.0th: 35         (49 samples)
\t  99.9th: 3260       (5 samples)
\t  min=1, max=3256
Request Latencies percentiles (usec) runtime 1 (s) (581 total samples)
\t  50.0th: 3268       (172 samples)
\t  90.0th: 3460       (227 samples)
\t* 99.0th: 4760       (53 samples)
\t  99.9th: 5416       (5 samples)
\t  min=3023, max=5423
RPS percentiles (requests) runtime 1 (s) (2 total samples)
\t  20.0th: 0          (1 samples)
\t* 50.0th: 0          (0 samples)
\t  90.0th: 581        (1 samples)
\t  min=580, max=580
sched delay: message 57 (usec) worker 9 (usec)
current rps: 580.95
Wakeup Latencies percentiles (usec) runtime 3 (s) (1771 total samples)
\t  50.0th: 3          (229 samples)
\t  90.0th: 22         (675 samples)
\t* 99.0th: 30         (157 samples)
\t  99.9th: 2388       (16 samples)
\t  min=1, max=3256
Request Latencies percentiles (usec) runtime 3 (s) (1771 total samples)
\t  50.0th: 3260       (537 samples)
\t  90.0th: 3412       (685 samples)
\t* 99.0th: 4664       (162 samples)
\t  99.9th: 5384       (13 samples)
\t  min=2999, max=5423
RPS percentiles (requests) runtime 3 (s) (4 total samples)
\t  20.0th: 0          (1 samples)
\t* 50.0th: 581        (1 samples)
\t  90.0th: 593        (2 samples)
\t  min=580, max=593
average rps: 590.33
sched delay: message 0 (usec) worker 0 (usec)
";

#[test]
fn the_last_wakeup_block_and_the_average_rate_of_schbench_are_read() {
    let done = done(&built_in("schbench"), SCHBENCH);
    assert!((done.operations / done.seconds - 590.33).abs() < 1e-9);
    assert_eq!(done.seconds, 3.0);
    let at = vec![(50.0, 3.0), (90.0, 22.0), (99.0, 30.0), (99.9, 2388.0)];
    assert_eq!(done.latency, Some(Latency::Quantiles { n: 1771, at }));
}

#[test]
#[rustfmt::skip]
fn a_load_that_failed_or_prints_no_figures_is_an_error() {
    let [wrk, perf_bench, stress_ng, schbench, probe] =
        ["wrk", "perf-bench", "stress-ng", "schbench", "probe"].map(built_in);
    let with = |said: &str, part: &str, other: &str| {
        assert!(said.contains(part), "{part}");
        said.replace(part, other)
    };
    let sockets = "Socket errors: connect 0, read 5, write 0, timeout 3";
    let statuses = "Non-2xx or 3xx responses: 91105";
    let heading = "Wakeup Latencies percentiles (usec) runtime 3 (s) (1771 total samples)";
    for (reader, said, expected) in [
        (&wrk, format!("{WRK}  {sockets}"), &*format!("the load failed: {sockets}")),
        (&wrk, format!("{WRK}  {statuses}"), &format!("the load failed: {statuses}")),
        (&wrk, "unable to connect to 127.0.0.1:8098 Connection refused".into(), "operations: `"),
        (&wrk, with(WRK, "Requests/sec:  79022.67", ""), "throughput: `"),
        (&wrk, with(WRK, "86933 requests in", ""), "operations: `"),
        (&perf_bench, MESSAGING.into(), "operations: `"),
        (&perf(7000), PIPE.into(), "operations: the load made 6000, and not 7000"),
        (&perf(1), "".into(), "seconds: `"),
        (&perf(1), "Usage: perf bench".into(), "seconds: `"),
        (&perf(1), "Total time: x [sec]".into(), "seconds: `"),
        (&perf(1), "0.1\n0.2\n".into(), "seconds: `"),
        (&perf(1), "0.000\n".into(), "seconds: 0 is too short for the load's clock"),
        (&perf(1), with(MESSAGING, "0.056", "0.000"), "seconds: 0 is too short"),
        (&stress_ng, "".into(), "parts: `"),
        (&stressor("vm"), BRIEF.into(), "there is no stressor `vm`, but cpu, fork"),
        (&stress_ng, with(BRIEF, "1806.58", "   0.00"), "the stressor `fork` did nothing"),
        (&stress_ng, format!("stress-ng: fail:  [1] fork: {BRIEF}"), "the load failed: stress-ng: fail:  [1] fork:"),
        (&stress_ng, with(BRIEF, "successful run", "unsuccessful run"), "the load failed: stress-ng: info:  [18428] unsuccessful run"),
        (&schbench, with(SCHBENCH, "average rps: 590.33", ""), "throughput: `^average rps:"),
        (&schbench, "average rps: 590.33".into(), "from: `^Wakeup Latencies"),
        (&schbench, with(SCHBENCH, "(1771 total samples)", "(1771"), "requests: `"),
        (&schbench, format!("{heading}\naverage rps: 590.33"), "latency_row: `"),
        (&probe, "probe_seconds 1.5".into(), "histogram_counts: there is no histogram"),
        (&probe, "latency_us 7 1".into(), "seconds: `"),
    ] {
        let error = format!("{:#}", reader.one(&run(&said, 4)).unwrap_err());
        assert!(error.starts_with(expected), "{expected}\n{error}");
    }
    let hint = stress_ng.one(&run("", 4)).unwrap_err().to_string();
    assert!(hint.ends_with("matches nothing: is --metrics missing?"), "{hint}");
}

const OWN: &str = r#"
throughput = '^rate=([0-9.]+)'
latency_p90 = 'p90 ([0-9.]+)'
latency_p99 = 'p99 ([0-9.]+)'
latency_unit = "ms"
"#;

#[test]
fn throughput_and_latencies_are_read_with_their_unit() {
    let said = "old rate=9\nrate=12.5 p90 1.5 p99 2e0\nrequests 49\n";
    let read = done(&form(OWN), said);
    assert_eq!((read.operations, read.seconds), (50.0, 4.0));
    let at = vec![(90.0, 1500.0), (99.0, 2000.0)];
    let latency = |n| Some(Latency::Quantiles { n, at: at.clone() });
    assert_eq!(read.latency, latency(50));
    let counted = form(&format!("{OWN}requests = 'requests ([0-9]+)'"));
    assert_eq!(done(&counted, said).latency, latency(49));
    // Operations alone, by the length of the run.
    assert_eq!(rate(&form("operations = 'n=(.+)'"), "n=12"), 3.0);
}

#[test]
fn built_in_forms_go_together() {
    for (name, form) in Readers::built_in().unwrap().0 {
        form.check().with_context(|| name).unwrap();
    }
}

#[test]
#[rustfmt::skip]
fn fields_that_do_not_go_together_are_refused() {
    let rate = "throughput = '(.)'";
    for (fields, expected) in [
        ("", "one or two of throughput, operations and seconds are needed, or parts"),
        ("throughput = '(.)'\noperations = '(.)'\nseconds = '(.)'", "one or two of"),
        ("throughput = '(.)'\nparts = '(.)'", "one or two of"),
        ("parts = '(?<operations>.) (?<throughput>.)'", "parts: its capture groups are not"),
        (&format!("{rate}\nus_per_operation = '(.)'"), "us_per_operation: it goes with seconds"),
        (&format!("{rate}\nlatency_p99 = '(.)'"), "latency_unit: it goes with"),
        (&format!("{rate}\nlatency_unit = 'ms'"), "latency_unit: it goes with"),
        (&format!("{rate}\nlatency_p90 = '(.)'\nlatency_unit = 'days'"), "latency_unit: `days` is not a unit of time"),
        (&format!("{rate}\nlatency_row = '(.)'"), "latency_table and latency_row go together"),
        (&format!("{rate}\nlatency_table = 'x'\nlatency_row = '(.)'"), "latency_row: its capture groups are not"),
    ] {
        let form: Form = toml::from_str(fields).unwrap();
        let error = format!("{:#}", form.check().unwrap_err());
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn runs_count_by_their_length_and_histograms_add_up() {
    let reader = perf(100);
    let runs = [
        run("0.5\nlatency_us 3 1\nlatency_us 9 2\n", 9),
        run("1.5\nlatency_us 9 5\nlatency_us 12.5 1\n", 9),
    ];
    let reading = reader.read(&runs).unwrap();
    assert_eq!(reading.throughput, 100.0);
    let bins = vec![(3.0, 1), (9.0, 7), (12.5, 1)];
    assert_eq!(reading.latency, Some(Latency::Histogram(bins)));
}

#[test]
fn rates_without_operations_are_weighted_by_time() {
    let reader = Reader::metric("rate ([0-9.]+)").unwrap();
    let runs = [run("rate 10", 3), run("rate 50", 1)];
    let reading = reader.read(&runs).unwrap();
    assert_eq!((reading.throughput, reading.latency), (20.0, None));
}

#[test]
fn a_run_counts_and_less_can_be_better() {
    let twice = [run("", 3), run("", 1)];
    assert_eq!(Reader::Runs.read(&twice).unwrap().throughput, 0.5);
    let late = Reader::Inverse(Box::new(Reader::metric("late ([0-9.]+)").unwrap()));
    let reading = late.read(&[run("late 8", 4)]).unwrap();
    assert_eq!(reading.throughput, 0.125);
    // No lateness at all has no 1 ÷ it.
    assert!(late.read(&[run("late 0", 4)]).is_err());
}

#[test]
fn nothing_done_is_an_error_in_every_run() {
    let reader = Reader::metric("rate ([-0-9.a-z]+)").unwrap();
    assert!(reader.read(&[]).is_err());
    for bad in ["rate 0", "rate -1", "rate nan", "rate inf"] {
        let error = reader.read(&[run("rate 7", 1), run(bad, 1)]).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains(bad) && error.contains("regex"), "{error}");
    }
}

#[test]
fn a_run_that_says_no_latency_is_an_error_if_another_does() {
    let reader = Reader::metric("rate ([0-9.]+)").unwrap();
    let runs = [run("rate 7\nlatency_us 1 1", 1), run("rate 7", 1)];
    assert!(reader.read(&runs).is_err());
}
