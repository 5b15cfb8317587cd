// SPDX-License-Identifier: GPL-2.0-only
//! Any bytes as a workload: it is refused with file and line, or it says what to run.

use std::path::Path;

use scx_metabench::workload::Workload;

const FILE: &str = "any.toml";

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Workload::parse(text, FILE, Path::new("/any"), &[]) {
        Err(error) => {
            let error = format!("{error:#}");
            assert!(error.starts_with(FILE), "{error}");
        }
        Ok(workload) => {
            assert!(!workload.applications.is_empty());
            for application in workload.applications.iter().chain(&workload.whole) {
                assert!(!application.loads.is_empty());
                assert!(application
                    .loads
                    .iter()
                    .all(|load| !load.command.is_empty()));
            }
        }
    }
}
