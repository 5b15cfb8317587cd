// SPDX-License-Identifier: GPL-2.0-only
//! A manual page for each program, and for each of its commands.

use std::path::Path;

use anyhow::Result;
use clap_mangen::Man;

use crate::Program;

pub(crate) fn write(program: &Program, folder: &Path) -> Result<()> {
    let mut program_command = program.command.clone().disable_help_subcommand(true);
    program_command.build();
    let name = program_command.get_name().to_owned();
    for command in program_command.get_subcommands() {
        let page = format!("{name}-{}", command.get_name());
        page_of(command.clone(), &page, program.section, folder)?;
    }
    page_of(program_command, &name, program.section, folder)
}

fn page_of(command: clap::Command, name: &str, section: &str, folder: &Path) -> Result<()> {
    let mut page = Vec::new();
    Man::new(command).section(section).render(&mut page)?;
    crate::write(&folder.join(format!("{name}.{section}")), page)
}
