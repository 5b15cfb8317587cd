// SPDX-License-Identifier: GPL-2.0-only
//! Completions for bash, zsh and fish, by the names under which they look for them.

use std::path::Path;

use anyhow::Result;
use clap_complete::Shell;

use crate::Program;

const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

pub(crate) fn write(program: &Program, folder: &Path) -> Result<()> {
    for shell in SHELLS {
        let name = program.command.get_name().to_owned();
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut program.command.clone(), &name, &mut text);
        let file = match shell {
            Shell::Zsh => format!("_{name}"),
            Shell::Fish => format!("{name}.fish"),
            _ => format!("{name}.bash"),
        };
        crate::write(&folder.join(file), text)?;
    }
    Ok(())
}
