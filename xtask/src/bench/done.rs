// SPDX-License-Identifier: GPL-2.0-only
//! What was measured before is not measured again: a boot's raw data, known by what it was asked and by
//! the programs that measured it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lab::programs::cargo::Programs;
use lab::programs::schedulers::Peer;
use lab::{command, fleet};

use super::{Bench, Boot};

/// A boot, and what it is asked for, in a text that no other boot has.
pub(super) type Asked = (String, Boot);

/// Boots those that were not measured before, or all if `fresh`; the raw data of each, in order.
pub(super) fn measure(
    bench: &Bench,
    peers: &[Peer],
    boots: Vec<Asked>,
    fresh: bool,
    raw: &Path,
) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(raw).with_context(|| format!("cannot create {}", raw.display()))?;
    let built = built(&bench.programs, peers)?;
    let mut files = Vec::new();
    let mut machines = Vec::new();
    for (on, mut boot) in boots {
        let asked = asked(&boot, &on, bench);
        // Other options have other files; other programs measure the same again.
        boot.label = format!("{}-{:08x}", boot.label, command::hash(&asked) as u32);
        let done = Done::of(raw, &boot.label, asked + &built);
        if fresh || !done.is_there() {
            done.begin()?;
            machines.push(bench.machine(boot));
        } else {
            let label = &boot.label;
            eprintln!("lab: {label} was measured before (--fresh measures again)");
        }
        files.push(done.raw);
    }
    fleet::run(machines, raw)?;
    Ok(files)
}

/// What a boot is asked, on what.
fn asked(boot: &Boot, on: &str, bench: &Bench) -> String {
    let words: Vec<_> = boot
        .argv
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    let release = &bench.kernel.release;
    format!("{on} {} {release}\n{}\n", bench.clock, words.join("\n"))
}

/// The programs by what is in them.
fn built(programs: &Programs, peers: &[Peer]) -> Result<String> {
    let own = [&programs.scx_meta, &programs.bench];
    let files = own.into_iter().chain(peers.iter().map(|peer| &peer.path));
    let line = |file: &PathBuf| {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(format!("{} {:x}\n", file.display(), command::hash(bytes)))
    };
    files.map(line).collect()
}

/// What an earlier run left of a boot.
struct Done {
    raw: PathBuf,
    /// Written before the boot: what it was to measure.
    key_file: PathBuf,
    key: String,
}

impl Done {
    fn of(folder: &Path, label: &str, key: String) -> Self {
        Self {
            raw: folder.join(format!("{label}.jsonl")),
            key_file: folder.join(format!("{label}.key")),
            key,
        }
    }

    /// The raw data are of this very boot.
    fn is_there(&self) -> bool {
        self.raw.is_file() && fs::read_to_string(&self.key_file).is_ok_and(|key| key == self.key)
    }

    /// Nothing old may look like a result of today.
    fn begin(&self) -> Result<()> {
        if self.raw.exists() {
            fs::remove_file(&self.raw)
                .with_context(|| format!("cannot remove {}", self.raw.display()))?;
        }
        fs::write(&self.key_file, &self.key)
            .with_context(|| format!("cannot write {}", self.key_file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_before_is_known_by_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let done = |key: &str| Done::of(folder, "x", key.to_string());
        assert!(!done("a").is_there());
        done("a").begin().unwrap();
        assert!(!done("a").is_there(), "it was begun only");
        fs::write(folder.join("x.jsonl"), "data").unwrap();
        assert!(done("a").is_there() && !done("b").is_there());
        done("b").begin().unwrap();
        assert!(!done("b").is_there(), "old data are gone");
    }
}
