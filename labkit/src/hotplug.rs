// SPDX-License-Identifier: GPL-2.0-only
//! CPUs that go offline and come back.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

const CPUS: &str = "/sys/devices/system/cpu";

/// The CPUs that were online when this was made are so again when it is dropped.
pub struct AsBefore(Vec<usize>);

/// The CPUs that are online, in order.
pub fn online() -> Result<Vec<usize>> {
    let path = format!("{CPUS}/online");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    parse(text.trim()).with_context(|| format!("{path}: not a list of CPUs: {text}"))
}

/// The CPUs that can go: on x86 all but the first.
pub fn removable() -> Result<Vec<usize>> {
    let mut cpus = online()?;
    cpus.retain(|cpu| switch_of(*cpu).exists());
    Ok(cpus)
}

/// Takes a CPU offline.
pub fn off(cpu: usize) -> Result<()> {
    switch(cpu, false)
}

/// Brings a CPU online.
pub fn on(cpu: usize) -> Result<()> {
    switch(cpu, true)
}

impl AsBefore {
    /// From now on CPUs may go.
    pub fn at_the_end() -> Result<Self> {
        online().map(Self)
    }
}

impl Drop for AsBefore {
    fn drop(&mut self) {
        let online = online().unwrap_or_default();
        for &cpu in self.0.iter().filter(|cpu| !online.contains(cpu)) {
            if let Err(error) = on(cpu) {
                eprintln!("{error:#}");
            }
        }
    }
}

fn switch(cpu: usize, online: bool) -> Result<()> {
    let path = switch_of(cpu);
    let value = if online { "1" } else { "0" };
    fs::write(&path, value).with_context(|| format!("cannot write {value} to {}", path.display()))
}

fn switch_of(cpu: usize) -> PathBuf {
    format!("{CPUS}/cpu{cpu}/online").into()
}

/// `0,2-3`.
fn parse(list: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| text.parse::<usize>().ok();
        cpus.extend(number(first)?..=number(last)?);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus_may_have_gaps() {
        assert_eq!(parse("0,2-4,7"), Some(vec![0, 2, 3, 4, 7]));
        assert_eq!(parse("0"), Some(vec![0]));
        assert_eq!(parse("x"), None);
    }

    #[test]
    fn this_machine_has_a_cpu() {
        assert!(!online().unwrap().is_empty());
    }
}
