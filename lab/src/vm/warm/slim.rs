// SPDX-License-Identifier: GPL-2.0-only
//! Large programs without their debug information: a guest gets them through a narrow port.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::state::identity;
use crate::{command, paths};

/// Below this stripping takes longer than sending.
const LARGE: u64 = 2 << 20;

/// The file, or a copy of it that is kept for as long as the file does not change.
pub(super) fn of(file: &Path) -> Result<PathBuf> {
    let size = fs::metadata(file).map(|data| data.len()).unwrap_or(0);
    let Some(strip) = paths::which("strip").filter(|_| size > LARGE) else {
        return Ok(file.to_path_buf());
    };
    let copy = paths::lab_dir("slim")?.join(format!("{:016x}", command::hash(file)));
    let note = copy.with_extension("of");
    let wanted = identity(file)?;
    if copy.exists() && fs::read_to_string(&note).is_ok_and(|kept| kept == wanted) {
        return Ok(copy);
    }
    let fresh = copy.with_extension(format!("{}.new", std::process::id()));
    let mut command = Command::new(strip);
    command.args(["--strip-debug", "-o"]).arg(&fresh).arg(file);
    let stripped = command.output().is_ok_and(|output| output.status.success());
    if !stripped {
        // Not a program.
        return Ok(file.to_path_buf());
    }
    // The note comes last: a copy without it is made anew.
    let _ = fs::remove_file(&note);
    fs::rename(&fresh, &copy)
        .and_then(|()| fs::write(&note, wanted))
        .with_context(|| format!("cannot write {}", copy.display()))?;
    Ok(copy)
}
