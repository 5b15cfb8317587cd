// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench probe`: a wake-up latency for loads that have none of their own. It runs a
//! command to its end while a probe sleeps and wakes up beside it, prints what the probe saw after
//! whatever the command prints, and ends as the command did.
//!
//! The probe is an ordinary task of nice 0: what it waits is what the scheduler in charge makes a
//! task wait that just woke up and needs almost no time. Wake-up points that pass while it still
//! waits are not counted, so a long wait counts once.

use std::ffi::OsString;
use std::io;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use labkit::probe::{Class, Probe};
use labkit::sys;

use crate::reading;

/// Shells report a death by signal as this much more than its number.
const SIGNALLED: i32 = 128;

#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Time from one wake-up of the probe to the next, 100us to 10s
    #[arg(long, value_name = "D", default_value = "7ms", value_parser = interval)]
    pub every: Duration,

    /// What to run meanwhile, with its arguments
    #[arg(value_name = "CMD", required = true, last = true)]
    pub command: Vec<OsString>,
}

fn interval(text: &str) -> Result<Duration> {
    let every = humantime::parse_duration(text)?;
    ensure!(
        (Duration::from_micros(100)..=Duration::from_secs(10)).contains(&every),
        "not between 100us and 10s"
    );
    Ok(every)
}

/// Runs the command under the probe. Does not return if the command fails: its status becomes
/// ours.
pub fn run(args: &Args) -> Result<()> {
    let (said, status) = measure(args)?;
    print(&said).context("cannot print what the probe saw")?;
    match exit_code(status) {
        0 => Ok(()),
        code => std::process::exit(code),
    }
}

/// What the probe saw, and how the command ended.
fn measure(args: &Args) -> Result<(String, ExitStatus)> {
    let (program, words) = args.command.split_first().context("no command")?;
    // It stays in our process group: who ends that one, ends both.
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", program.to_string_lossy()))?;
    let start = sys::monotonic();
    let probe = Probe::every(args.every, Class::Ordinary)?;
    let status = child.wait().context("cannot wait for the command")?;
    let took = sys::monotonic().saturating_sub(start);
    Ok((reading::probe::lines(&probe.samples()?, took), status))
}

/// Prints all of it at once.
pub(crate) fn print(said: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(said.as_bytes())?;
    out.flush()
}

fn exit_code(status: ExitStatus) -> i32 {
    let signalled = || status.signal().map(|signal| SIGNALLED + signal);
    status.code().or_else(signalled).unwrap_or(1)
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::reading::tests::built_in;
    use crate::reading::Run;
    use crate::trial::fake::typed;

    fn args(words: &[&str]) -> Result<Args, clap::Error> {
        let words = std::iter::once(&"probe").chain(words);
        typed(words)
    }

    #[test]
    fn the_command_line_is_checked() {
        let good = args(&["--every", "3ms", "--", "perf", "--help"]).unwrap();
        assert_eq!(good.every, Duration::from_millis(3));
        assert_eq!(good.command, ["perf", "--help"]);
        assert_eq!(
            args(&["--", "true"]).unwrap().every,
            labkit::probe::INTERVAL
        );
        for bad in [
            &["--"][..],
            &[],
            &["--every", "99us", "--", "x"],
            &["--every", "0", "--", "x"],
        ] {
            assert!(args(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn wakeups_are_measured_until_the_command_ends() {
        let args = args(&["--every", "5ms", "--", "sleep", "0.3"]).unwrap();
        let (said, status) = measure(&args).unwrap();
        assert_eq!(exit_code(status), 0);
        let took = Duration::from_millis(300);
        let reading = built_in("probe").read(&[Run { said, took }]).unwrap();
        // 200 a second; a busy host only makes it fewer.
        assert!((20.0..=210.0).contains(&reading.throughput), "{reading:?}");
        assert!(reading.latency.unwrap().requests() >= 6);
    }

    #[test]
    fn the_commands_status_is_kept() {
        let code = |script: &str| {
            let args = args(&["--", "sh", "-c", script]).unwrap();
            exit_code(measure(&args).unwrap().1)
        };
        assert_eq!(code("exit 7"), 7);
        assert_eq!(code("kill -9 $$"), 137);
        let missing = args(&["--", "/no/such/program"]).unwrap();
        let error = measure(&missing).unwrap_err().to_string();
        assert_eq!(error, "cannot run /no/such/program");
    }
}
