// SPDX-License-Identifier: GPL-2.0-only
//! What `bench overhead` needs, and the machines it boots.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use anyhow::Result;

use super::boot::Boot;
use super::stock;
use super::stock::Stock;
use super::variants;
use super::web;
use crate::paths;

/// What is measured: the part, and whether in the reproducible mode. Its
/// throughput hardly varies; but its idle CPUs cost no time, so what an idle
/// machine does is counted as time passes.
const PARTS: [(&str, bool); 3] = [("callbacks", true), ("end-to-end", true), ("idle", false)];

/// What scx_meta is compared with, and loads for it.
pub struct Tools {
    /// scx_meta, from the same profile as the variants.
    multi: PathBuf,
    single: Vec<(String, PathBuf)>,
    stock: Stock,
    nginx: PathBuf,
    wrk: PathBuf,
}

/// Brings them here.
pub fn tools() -> Result<Tools> {
    let multi = variants::multi()?;
    Ok(Tools {
        single: variants::single(&multi)?,
        multi,
        stock: stock::schedulers()?,
        nginx: web::nginx()?,
        wrk: paths::which("wrk").context("there is no wrk")?,
    })
}

/// The machines, one a part.
pub fn boots(tools: &Tools, cpus: u32) -> Vec<Boot> {
    let boot = |(part, deterministic): (&str, bool)| {
        let mut argv: Vec<OsString> = vec!["--part".into(), part.into()];
        argv.extend(tools.argv());
        Boot {
            label: part.to_string(),
            cpus,
            deterministic,
            files: tools.files(),
            argv,
            // The longest part has 64 starts, each with three workloads, perhaps beside other work.
            timeout: Duration::from_secs(3600),
        }
    };
    PARTS.map(boot).into()
}

impl Tools {
    fn argv(&self) -> Vec<OsString> {
        let mut argv: Vec<OsString> = vec!["--scx-meta".into(), self.multi.clone().into()];
        let mut option = |name: &str, key: &str, file: &PathBuf| {
            argv.extend([name.into(), format!("{key}={}", file.display()).into()]);
        };
        for (policy, file) in &self.single {
            option("--single", policy, file);
        }
        for (program, file) in &self.stock.programs {
            option("--stock", program, file);
        }
        argv.extend(["--stock-source".into(), self.stock.source.clone().into()]);
        argv.extend(["--nginx".into(), self.nginx.clone().into()]);
        argv.extend(["--wrk".into(), self.wrk.clone().into()]);
        argv
    }

    /// The reproducible mode's guest has only what it is given.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = vec![self.multi.clone(), self.nginx.clone(), self.wrk.clone()];
        files.extend(self.single.iter().map(|(_, file)| file.clone()));
        files.extend(self.stock.programs.iter().map(|(_, file)| file.clone()));
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_machine_with_every_program() {
        let file = |name: &str| PathBuf::from(name);
        let tools = Tools {
            multi: file("/v/multi"),
            single: vec![("fifo".to_string(), file("/v/fifo"))],
            stock: Stock {
                source: "linux-source-7.3".to_string(),
                programs: vec![("scx_simple", file("/s/scx_simple"))],
            },
            nginx: file("/n/nginx"),
            wrk: file("/usr/bin/wrk"),
        };
        let boots = boots(&tools, 2);
        let labels: Vec<_> = boots.iter().map(|boot| &*boot.label).collect();
        assert_eq!(labels, ["callbacks", "end-to-end", "idle"]);
        assert!(boots[0].deterministic && !boots[2].deterministic);
        for boot in &boots {
            let words: Vec<_> = boot
                .argv
                .iter()
                .map(|word| word.to_string_lossy())
                .collect();
            assert_eq!(words[..2], ["--part", &*boot.label]);
            let words = words.join(" ");
            for wanted in [
                "--single fifo=/v/fifo",
                "--stock scx_simple=/s/scx_simple",
                "--nginx /n/nginx",
            ] {
                assert!(words.contains(wanted), "{words}");
            }
            assert_eq!(boot.files.len(), 5);
        }
    }
}
