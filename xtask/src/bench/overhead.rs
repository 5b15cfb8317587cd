// SPDX-License-Identifier: GPL-2.0-only
//! What `bench overhead` needs, and the machines it boots.

use std::ffi::OsString;
use std::path::Path;
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

/// The machines.
pub fn boots(tools: &Tools, cpus: u32) -> Vec<Boot> {
    let mut argv: Vec<OsString> = Vec::new();
    let mut files = Vec::new();
    let mut option = |name: &str, key: Option<&str>, file: &Path| {
        let key = key.map_or(String::new(), |key| format!("{key}="));
        argv.extend([name.into(), format!("{key}{}", file.display()).into()]);
        files.push(file.to_path_buf());
    };
    option("--scx-meta", None, &tools.multi);
    for (policy, file) in &tools.single {
        option("--single", Some(policy), file);
    }
    for (name, file) in &tools.stock.programs {
        option("--stock", Some(name), file);
    }
    option("--nginx", None, &tools.nginx);
    option("--wrk", None, &tools.wrk);
    argv.extend(["--stock-source".into(), tools.stock.source.clone().into()]);
    vec![Boot {
        label: format!("{cpus}cpus-reproducible"),
        cpus,
        deterministic: true,
        files,
        argv,
        timeout: Duration::from_secs(600),
    }]
}
