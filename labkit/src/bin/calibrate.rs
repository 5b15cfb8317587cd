// SPDX-License-Identifier: GPL-2.0-only
//! `calibrate SAMPLES [NAME…]`: measures the loads that the lab's cost model is fitted to, all or
//! those named (a load, or `micro`, `memory`, `sched`), and prints them as JSON. `cargo xtask calibrate` runs it natively and in a guest.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{bail, Context, Result};
use labkit::calibrate::{self, Load};

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    if words
        .first()
        .is_some_and(|word| word == calibrate::DO_NOTHING)
    {
        return Ok(());
    }
    with_the_same_memcpy()?;
    let (samples, names) = words
        .split_first()
        .context("usage: calibrate SAMPLES [NAME…]")?;
    let samples: usize = samples
        .parse()
        .with_context(|| format!("not a number of samples: {samples}"))?;
    let loads = calibrate::loads();
    let unknown = |name: &&String| !loads.iter().any(|load| load.is_called(name));
    if let Some(name) = names.iter().find(unknown) {
        bail!("no load is called {name:?}");
    }
    let called = |load: &&Load| names.iter().any(|name| load.is_called(name));
    let wanted = loads.iter().filter(|load| names.is_empty() || called(load));
    let measured: Vec<_> = wanted
        .map(|load| load.measure(samples))
        .collect::<Result<_>>()?;
    println!("{}", serde_json::to_string_pretty(&measured)?);
    Ok(())
}

/// glibc chooses how memcpy works by the size of the caches that it finds, and a guest's are not
/// those of the machine that is compared with it: one threshold for both.
fn with_the_same_memcpy() -> Result<()> {
    const NAME: &str = "GLIBC_TUNABLES";
    if env::var_os(NAME).is_some() {
        return Ok(());
    }
    let own = env::current_exe().context("cannot find this program")?;
    let mut again = Command::new(own);
    again.args(env::args_os().skip(1));
    again.env(NAME, "glibc.cpu.x86_non_temporal_threshold=0x1800000");
    Err(again.exec()).context("cannot start this program again")
}
