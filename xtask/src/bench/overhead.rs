// SPDX-License-Identifier: GPL-2.0-only
//! What `bench overhead` needs, and the machines it boots.

use std::ffi::OsString;
use std::path::PathBuf;
use std::slice;
use std::time::Duration;

use anyhow::{Context, Result};

use super::boot::Boot;
use super::stock::Stock;
use super::{stock, variants, web};
use crate::paths;

/// Of callbacks, emulated on a slow machine: all policies, in one boot.
const CALLBACKS_LIMIT: Duration = Duration::from_secs(3600);

/// Of one policy end to end: 8 starts, each with three workloads, twice.
const END_TO_END_LIMIT: Duration = Duration::from_secs(1800);

const IDLE_LIMIT: Duration = Duration::from_secs(900);

/// A policy, and the build that has only that.
type Single = (String, PathBuf);

/// What scx_meta is compared with, and loads for it.
pub struct Tools {
    /// scx_meta, from the same profile as the variants.
    multi: PathBuf,
    single: Vec<Single>,
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

/// The machines: callbacks, each policy end to end, idle.
pub fn boots(tools: &Tools, cpus: u32) -> Vec<Boot> {
    let boot = |part: &str, single: &[Single], timeout| {
        let mut argv: Vec<OsString> = vec!["--part".into(), part.into()];
        argv.extend(tools.argv(single));
        Boot {
            label: part.to_string(),
            cpus,
            files: tools.files(single),
            argv,
            timeout,
        }
    };
    let mut boots = vec![boot("callbacks", &tools.single, CALLBACKS_LIMIT)];
    boots.extend(tools.single.iter().map(|single| Boot {
        label: format!("end-to-end-{}", single.0),
        ..boot("end-to-end", slice::from_ref(single), END_TO_END_LIMIT)
    }));
    boots.push(boot("idle", &tools.single, IDLE_LIMIT));
    boots
}

impl Tools {
    fn argv(&self, single: &[Single]) -> Vec<OsString> {
        let mut argv: Vec<OsString> = vec!["--scx-meta".into(), self.multi.clone().into()];
        let mut option = |name: &str, key: &str, file: &PathBuf| {
            argv.extend([name.into(), format!("{key}={}", file.display()).into()]);
        };
        for (policy, file) in single {
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

    /// A guest on a virtual clock has only what it is given.
    fn files(&self, single: &[Single]) -> Vec<PathBuf> {
        let mut files = vec![self.multi.clone(), self.nginx.clone(), self.wrk.clone()];
        files.extend(single.iter().map(|(_, file)| file.clone()));
        files.extend(self.stock.programs.iter().map(|(_, file)| file.clone()));
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_machines_with_the_programs_it_compares() {
        let file = |name: &str| PathBuf::from(name);
        let tools = Tools {
            multi: file("/v/multi"),
            single: ["fifo", "vtime"]
                .map(|policy| (policy.to_string(), file("/v").join(policy)))
                .into(),
            stock: Stock {
                source: "linux-source-7.3".to_string(),
                programs: vec![("scx_simple", file("/s/scx_simple"))],
            },
            nginx: file("/n/nginx"),
            wrk: file("/usr/bin/wrk"),
        };
        let boots = boots(&tools, 2);
        let labels: Vec<_> = boots.iter().map(|boot| &*boot.label).collect();
        assert_eq!(
            labels,
            ["callbacks", "end-to-end-fifo", "end-to-end-vtime", "idle"]
        );
        for boot in &boots {
            let words: Vec<_> = boot
                .argv
                .iter()
                .map(|word| word.to_string_lossy())
                .collect();
            assert_eq!(words[0], "--part");
            let part = &*words[1];
            assert!(boot.label.starts_with(part), "{part}");
            let words = words.join(" ");
            for wanted in ["--stock scx_simple=/s/scx_simple", "--nginx /n/nginx"] {
                assert!(words.contains(wanted), "{words}");
            }
            let compared: Vec<_> = ["fifo", "vtime"]
                .into_iter()
                .filter(|policy| words.contains(&format!("--single {policy}=/v/{policy}")))
                .collect();
            match part {
                "end-to-end" => assert_eq!(boot.label, format!("{part}-{}", compared.concat())),
                _ => assert_eq!(compared, ["fifo", "vtime"]),
            }
            assert_eq!(boot.files.len(), 4 + compared.len());
        }
    }
}
