// SPDX-License-Identifier: GPL-2.0-only
//! What `bench scale` needs, and the machines it boots.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::boot::Boot;
use super::variants;

/// Whose flips and throughput are measured.
pub struct Tools {
    /// scx_meta, from the same profile as the other.
    multi: PathBuf,
    /// scx_meta whose vtime is fifo.
    identical: PathBuf,
}

/// Brings them here.
pub fn tools() -> Result<Tools> {
    let multi = variants::multi()?;
    Ok(Tools {
        identical: variants::identical(&multi)?,
        multi,
    })
}

/// The machines: 1, 2, 4 … CPUs below `most`, and `most`.
pub fn boots(tools: &Tools, most: u32) -> Vec<Boot> {
    let argv: Vec<OsString> = vec![
        "--scx-meta".into(),
        tools.multi.clone().into(),
        "--identical".into(),
        tools.identical.clone().into(),
    ];
    let doubling = (0..).map(|power| 1 << power);
    doubling
        .take_while(|cpus| *cpus < most)
        .chain([most])
        .map(|cpus| Boot {
            label: format!("{cpus}cpus"),
            cpus,
            deterministic: false,
            // The words of argv name them.
            files: Vec::new(),
            argv: argv.clone(),
            timeout: Duration::from_secs(180),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_double_up_to_the_largest() {
        let file = |name: &str| PathBuf::from(name);
        let tools = Tools {
            multi: file("a"),
            identical: file("b"),
        };
        let cpus = |most| {
            let boots = boots(&tools, most);
            boots.iter().map(|boot| boot.cpus).collect::<Vec<_>>()
        };
        assert_eq!(cpus(8), [1, 2, 4, 8]);
        assert_eq!(cpus(1), [1]);
        assert_eq!(cpus(6), [1, 2, 4, 6]);
    }
}
