// SPDX-License-Identifier: GPL-2.0-only
//! `scx_metabench load`: small loads of our own, each of one kind, that say how much they did and how
//! long each thing took. They need nothing installed, and in an emulated machine a second of their work
//! costs the host far less than a second of anybody else's.

mod said;

use std::ffi::CStr;
use std::num::NonZeroU32;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use clap::{Args as ClapArgs, Subcommand};
use labkit::measured::{self, Chain, Forks, Jobs, Periodic, Requests};
use labkit::sys;
use labkit::task::{Hog, Task};

use self::said::Said;
use crate::probe_load;

/// Options of `load`.
#[derive(ClapArgs, Clone, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand, Clone, Debug)]
enum Kind {
    /// Tasks that never sleep
    Busy {
        #[command(flatten)]
        window: Window,
        /// How many
        #[arg(long, value_name = "N", default_value = "1")]
        tasks: NonZeroU32,
        /// Their nice level, from 0 to 19
        #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(i32).range(0..=19))]
        nice: i32,
    },
    /// Requests that come at random times, whether or not those before them are done
    Requests {
        #[command(flatten)]
        window: Window,
        /// Tasks that answer
        #[arg(long, value_name = "N", default_value = "1")]
        workers: NonZeroU32,
        /// Work asked for, in percent of what all CPUs can do
        #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        load: u32,
        /// Work of one request
        #[arg(long, value_name = "TIME", default_value = "1ms", value_parser = work)]
        work: Duration,
        /// An answer after this is worth less: half, if it took twice as long [default: all count alike]
        #[arg(long, value_name = "TIME", value_parser = work)]
        within: Option<Duration>,
        /// Decides when they come [default: by chance]
        #[arg(long, value_name = "N")]
        seed: Option<u64>,
    },
    /// Work that is due at fixed times, as frames and audio buffers are
    Periodic {
        #[command(flatten)]
        window: Window,
        /// From one point to the next
        #[arg(long, value_name = "TIME", value_parser = work)]
        every: Duration,
        /// Work at each
        #[arg(long, value_name = "TIME", value_parser = work)]
        work: Duration,
    },
    /// A program that ends at once, started again and again
    Starts {
        #[command(flatten)]
        window: Window,
    },
    /// A pipeline whose stages wake each other
    Chain {
        #[command(flatten)]
        window: Window,
        /// Tasks, one after the other
        #[arg(long, value_name = "N", default_value = "4")]
        stages: NonZeroU32,
        /// Work of each on each thing
        #[arg(long, value_name = "TIME", default_value = "200us", value_parser = work)]
        work: Duration,
    },
    /// Jobs that begin at once, and one that is much longer; ends when all are done
    Jobs {
        /// Short ones
        #[arg(long, value_name = "N", default_value = "20")]
        short: NonZeroU32,
        /// Work of a short one
        #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = work)]
        work: Duration,
        /// Work of the long one, in short ones
        #[arg(long, value_name = "N", default_value = "8")]
        long: NonZeroU32,
    },
}

#[derive(ClapArgs, Clone, Copy, Debug)]
struct Window {
    /// How long
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

impl Window {
    fn time(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

/// Of one thing: what the clocks can tell, and what fits into a window.
fn work(text: &str) -> Result<Duration> {
    let work = scx_meta::weights::parse_duration(text)?;
    let range = Duration::from_micros(10)..=Duration::from_secs(10);
    ensure!(range.contains(&work), "`{text}` is not within 10us and 10s");
    Ok(work)
}

/// Called for each thing that was done: what `--reward uprobe:BINARY:scx_metabench_done` counts.
#[inline(never)]
#[unsafe(no_mangle)]
pub extern "C" fn scx_metabench_done() {
    // Empty calls would be left out.
    std::hint::black_box(());
}

fn done() {
    scx_metabench_done();
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let said = measure(&args.kind)?.text();
    probe_load::print(&said).context("cannot print what the load did")
}

fn measure(kind: &Kind) -> Result<Said> {
    match *kind {
        Kind::Busy {
            window,
            tasks,
            nice,
        } => busy(window.time(), tasks, nice),
        Kind::Requests {
            window,
            workers,
            load,
            work,
            within,
            seed,
        } => requests(
            within,
            Requests {
                workers: workers.get() as usize,
                cpus: thread::available_parallelism()
                    .context("cannot count CPUs")?
                    .get(),
                load: f64::from(load) / 100.0,
                service: work,
                rounds: measured::rounds_in(work)?,
                window: window.time(),
                seed: seed.unwrap_or_else(|| fastrand::u64(..)),
            },
        ),
        Kind::Periodic {
            window,
            every,
            work,
        } => periodic(Periodic {
            every,
            rounds: measured::rounds_in(work)?,
            window: window.time(),
        }),
        Kind::Starts { window } => starts(window.time(), measured::nothing()),
        Kind::Chain {
            window,
            stages,
            work,
        } => chain(Chain {
            stages: stages.get() as usize,
            between: 1,
            rounds: measured::rounds_in(work)?,
            window: window.time(),
        }),
        Kind::Jobs { short, work, long } => jobs(Jobs {
            short: short.get() as usize,
            rounds: measured::rounds_in(work)?,
            long: long.get(),
        }),
    }
}

/// Milliseconds of CPU time.
fn busy(window: Duration, tasks: NonZeroU32, nice: i32) -> Result<Said> {
    let begin = sys::monotonic();
    let hog = Hog { nice, cpu: None };
    let hogs: Vec<Task> = (0..tasks.get())
        .map(|_| Task::hog(hog))
        .collect::<Result<_>>()?;
    sys::sleep_until(begin + window).context("clock_nanosleep")?;
    let used = measured::used(&hogs)?;
    let took = sys::monotonic() - begin;
    hogs.iter().for_each(Task::stop);
    Ok(Said {
        operations: used.iter().sum::<u64>() as f64 / 1e6,
        took,
        latencies: Vec::new(),
    })
}

/// Those with an answer, by how soon.
fn requests(within: Option<Duration>, load: Requests) -> Result<Said> {
    let in_time = |took: Duration| within.is_none_or(|within| took <= within);
    let served = measured::requests(load, &|took| {
        if in_time(took) {
            done();
        }
    })?;
    let latencies = served.latencies.iter();
    Ok(Said {
        operations: match within {
            None => served.answered as f64,
            Some(within) => latencies.map(|took| worth(*took, within)).sum(),
        },
        took: served.window,
        latencies: served.latencies,
    })
}

/// Of a thing that should take no longer than this: 1, or less the later it was.
fn worth(took: Duration, within: Duration) -> f64 {
    (within.as_secs_f64() / took.as_secs_f64()).min(1.0)
}

/// Points, those that were late by how late they were.
fn periodic(load: Periodic) -> Result<Said> {
    let done = measured::periodic(load, done)?;
    Ok(Said {
        operations: done.took.iter().map(|took| worth(*took, load.every)).sum(),
        took: load.every * done.points as u32,
        latencies: done.took,
    })
}

/// Programs that ended.
fn starts(window: Duration, words: [&CStr; 2]) -> Result<Said> {
    let load = Forks {
        words,
        count: u32::MAX,
        limit: window,
    };
    let took = measured::forks(load, done)?;
    Ok(Said {
        operations: took.len() as f64,
        took: took.iter().sum(),
        latencies: took,
    })
}

/// Things that came out of the pipeline.
fn chain(load: Chain) -> Result<Said> {
    let passed = measured::chain(load, done)?;
    Ok(Said {
        operations: passed.took.len() as f64,
        took: passed.window,
        latencies: passed.took,
    })
}

/// All jobs, once.
fn jobs(load: Jobs) -> Result<Said> {
    let took = measured::jobs(load)?;
    done();
    Ok(Said {
        operations: 1.0,
        took,
        latencies: Vec::new(),
    })
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::reading::tests::built_in;
    use crate::reading::Run;
    use crate::trial::fake::typed;

    fn read(words: &str) -> crate::reading::Reading {
        let words = ["load"].into_iter().chain(words.split(' '));
        let args: Args = typed(words).unwrap();
        let said = measure(&args.kind).unwrap().text();
        let took = Duration::ZERO;
        built_in("load").read(&[Run { said, took }]).unwrap()
    }

    #[test]
    fn every_load_says_what_it_did_and_how_long_it_took() {
        let busy = read("busy --seconds 1 --tasks 2 --nice 1");
        assert!((1.0..=2200.0).contains(&busy.throughput), "{busy:?}");
        assert!(busy.latency.is_none());
        assert!(read("jobs --short 2 --work 100us --long 2").throughput > 0.0);
        for timed in [
            "requests --seconds 1 --load 10 --work 100us --seed 3",
            "periodic --seconds 1 --every 50ms --work 10us",
            "starts --seconds 1",
            "chain --seconds 1 --stages 2 --work 100us",
        ] {
            let reading = read(timed);
            assert!(reading.latency.unwrap().requests() > 0, "{timed}");
        }
    }

    #[test]
    fn what_no_load_can_do_is_refused() {
        for bad in [
            "load busy",
            "load busy --seconds 0",
            "load busy --seconds 1 --tasks 0",
            "load busy --seconds 1 --nice -1",
            "load requests --seconds 1 --load 0",
            "load requests --seconds 1 --work 1",
            "load periodic --seconds 1 --every 1ms --work 9us",
        ] {
            assert!(typed::<Args>(bad.split(' ')).is_err(), "{bad}");
        }
    }
}
