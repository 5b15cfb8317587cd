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
        form: Readers::built_in().unwrap().get(name).unwrap().clone(),
        told,
    }
}

/// As a user writes one.
fn form(text: &str) -> Reader {
    Reader::regex(toml::from_str(text).unwrap())
}

fn done(reader: &Reader, said: &str) -> Done {
    reader.one(&run(said, 4)).unwrap()
}

fn rate(reader: &Reader, said: &str) -> f64 {
    let done = done(reader, said);
    done.operations / done.seconds
}

fn error(reader: &Reader, said: &str) -> String {
    format!("{:#}", reader.one(&run(said, 4)).unwrap_err())
}

fn without(said: &str, part: &str) -> String {
    assert!(said.contains(part), "{part}");
    said.replace(part, "")
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
fn wrk_prints_rate_requests_and_percentiles() {
    let wrk = built_in("wrk");
    let done = done(&wrk, WRK);
    assert_eq!(done.operations, 86933.0);
    assert!((done.operations / done.seconds - 79022.67).abs() < 1e-6);
    let n = 86933;
    let at = vec![(50.0, 75.0), (75.0, 95.0), (90.0, 116.0), (99.0, 1620.0)];
    assert_eq!(done.latency, Some(Latency::Quantiles { n, at }));
}

#[test]
fn without_latency_wrk_prints_only_a_rate() {
    let from = WRK.find("  Latency Distribution").unwrap();
    let to = WRK.find("  86933 requests").unwrap();
    let short = format!("{}{}", &WRK[..from], &WRK[to..]);
    assert_eq!(done(&built_in("wrk"), &short).latency, None);
}

#[test]
fn requests_that_wrk_lost_are_errors_with_their_counts() {
    let wrk = built_in("wrk");
    for failure in [
        "Socket errors: connect 0, read 5, write 0, timeout 3",
        "Non-2xx or 3xx responses: 91105",
    ] {
        let said = WRK.replace("Requests/sec", &format!("  {failure}\nRequests/sec"));
        assert_eq!(error(&wrk, &said), format!("the load failed: {failure}"));
    }
    let refused = "unable to connect to 127.0.0.1:8098 Connection refused";
    assert!(error(&wrk, refused).starts_with("throughput: `"));
    assert!(error(&wrk, &without(WRK, "Requests/sec:  79022.67")).starts_with("throughput: `"));
    assert!(error(&wrk, &without(WRK, "86933 requests in")).starts_with("operations: `"));
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
    let done = done(&perf(24_000), MESSAGING);
    assert_eq!((done.operations, done.seconds), (24_000.0, 0.056));
    let error = error(&built_in("perf-bench"), MESSAGING);
    assert!(
        error.ends_with("matches nothing, and reader.operations is missing"),
        "{error}"
    );
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
    assert_eq!(
        error(&perf(7000), PIPE),
        "operations: the load made 6000, and not 7000"
    );
}

#[test]
fn perfs_simple_format_is_a_number_alone() {
    let done = done(&perf(24_000), "0.050\nlatency_us 3 4\n");
    assert_eq!((done.operations, done.seconds), (24_000.0, 0.05));
}

#[test]
fn what_is_no_time_of_perf_is_an_error() {
    for said in [
        "",
        "Usage: perf bench",
        "0.000\n",
        "0.1\n0.2\n",
        "Total time: x [sec]",
    ] {
        assert!(error(&perf(1), said).starts_with("seconds: "), "{said}");
    }
    let zero = error(&perf(1), &MESSAGING.replace("0.056", "0.000"));
    assert!(zero.contains("too short"), "{zero}");
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

#[test]
fn missing_failed_and_idle_stressors_are_errors() {
    let all = built_in("stress-ng");
    assert!(error(&all, "").ends_with("matches nothing: is --metrics missing?"));
    assert_eq!(
        error(&stressor("vm"), BRIEF),
        "parts: there is no stressor `vm`, but cpu, fork"
    );
    let idle = BRIEF.replace("1806.58", "   0.00");
    assert_eq!(error(&all, &idle), "parts: the stressor `fork` did nothing");
    let failed = format!("stress-ng: fail:  [18430] fork: out of memory\n{BRIEF}");
    assert!(error(&all, &failed).contains("out of memory"));
    let failed = BRIEF.replace("successful run", "unsuccessful run");
    assert!(error(&all, &failed).contains("unsuccessful"));
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
fn a_run_of_schbench_cut_short_is_an_error() {
    let schbench = built_in("schbench");
    let error = |said: &str| error(&schbench, said);
    let short = error(&without(SCHBENCH, "average rps: 590.33"));
    assert!(short.starts_with("throughput: `^average rps:"), "{short}");
    assert!(error("average rps: 590.33").starts_with("from: `^Wakeup Latencies"));
    let torn = error(&SCHBENCH.replace("(1771 total samples)", "(1771"));
    assert!(torn.starts_with("requests: `"), "{torn}");
    let head = "Wakeup Latencies percentiles (usec) runtime 3 (s) (1771 total samples)";
    let bare = error(&format!("{head}\naverage rps: 590.33"));
    assert!(bare.starts_with("latency_row: `"), "{bare}");
}

#[test]
fn half_of_what_the_probe_prints_is_an_error() {
    let probe = built_in("probe");
    assert!(error(&probe, "probe_seconds 1.5").contains("no histogram"));
    assert!(error(&probe, "latency_us 7 1").starts_with("seconds: "));
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
}

#[test]
fn operations_alone_are_by_the_length_of_the_run() {
    assert_eq!(rate(&form("operations = 'n=(.+)'"), "n=12"), 3.0);
    let each = form("operations = 'n=(.+)'\nseconds_per_operation = 'each (.+)'");
    assert_eq!(rate(&each, "n=12\neach 0.125"), 8.0);
    assert!(error(&each, "n=12").starts_with("seconds_per_operation: `each"));
}

#[test]
#[rustfmt::skip]
fn fields_that_do_not_go_together_are_refused() {
    for (text, expected) in [
        ("", "missing field `throughput`, or else "),
        ("throughput = '(.)'\noperations = '(.)'\nseconds = '(.)'", "throughput, operations and seconds: each"),
        ("throughput = '(.)'\nseconds_per_operation = '(.)'", "throughput, operations and seconds: each"),
        ("operations = '(.)'\nhistogram_counts = true", "histogram_counts: it does not go with"),
        ("throughput = '(?<value>.)(?<unit>.)'", "`(?<value>.)(?<unit>.)` has a unit, and is no time"),
        ("parts = '(?<job>.)(?<operations>.)(?<throughput>.)'\nseconds = '(.)'", "parts: throughput, operations and seconds do not"),
        ("parts = '(?<operations>.) (?<throughput>.)'", "`(?<operations>.) (?<throughput>.)` has not the"),
        ("throughput = '(.)'\nlatency_p99 = '(.)'", "latency_unit: it goes with"),
        ("throughput = '(.)'\nlatency_unit = 'ms'", "latency_unit: it goes with"),
        ("throughput = '(.)'\nlatency_unit = 'days'", "`days` is not one of ns, us"),
        ("throughput = '(.)'\nlatency_row = '(.)'", "latency_table and latency_row go together"),
        ("throughput = '(.)'\nlatency_table = 'x'\nlatency_row = '(.)'", "latency_row: `(.)` has not the"),
        ("throughput = '(.)'\nfrom = '['", "`[` is not a regular expression: unclosed character class"),
        ("throughput = '(.)'\nrate = '(.)'", "unknown field `rate`, expected one of "),
    ] {
        let error = toml::from_str::<Form>(text).unwrap_err();
        let error = error.message();
        assert!(error.starts_with(expected) && !error.contains('\n'), "{error}");
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
    assert_eq!(
        reading.latency,
        Some(Latency::Histogram(vec![(3.0, 1), (9.0, 7), (12.5, 1)]))
    );
}

#[test]
fn rates_without_operations_are_weighted_by_time() {
    let reader = Reader::metric("rate ([0-9.]+)").unwrap();
    let reading = reader
        .read(&[run("rate 10", 3), run("rate 50", 1)])
        .unwrap();
    assert_eq!(reading.throughput, 20.0);
    assert_eq!(reading.latency, None);
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
