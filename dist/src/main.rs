// SPDX-License-Identifier: GPL-2.0-only
//! `dist FOLDER`: everything that packages install beside the programs, made from the programs' own
//! command lines, so that none of it can say anything else.

mod completions;
mod manual;
mod unit;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{CommandFactory, Parser};
use scx_metabench::cli::Cli as Bench;

/// Writes manual pages, completions, the default configuration and the systemd unit
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// Where they go; what is there is written over
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// A program, and the section of the manual that it belongs to.
struct Program {
    command: clap::Command,
    section: &'static str,
}

fn programs() -> [Program; 2] {
    [
        Program {
            command: scx_meta::cli::command(),
            section: "8",
        },
        Program {
            command: Bench::command().name("scx_metabench"),
            section: "1",
        },
    ]
}

fn main() -> Result<()> {
    write_all(&Cli::parse().folder)
}

fn write_all(folder: &Path) -> Result<()> {
    for program in programs() {
        manual::write(&program, &folder.join("man"))?;
        completions::write(&program, &folder.join("completions"))?;
    }
    write(&folder.join("config.toml"), scx_meta::cli::sample_config())?;
    write(&folder.join("scx_meta.service"), unit::of_a_package()?)
}

fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::write(path, content).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_there_and_every_option_in_it() {
        let folder = tempfile::tempdir().unwrap();
        write_all(folder.path()).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        for program in programs() {
            let name = program.command.get_name();
            let section = program.section;
            let page = read(&format!("man/{name}.{section}"));
            let [bash, fish] = [format!("{name}.bash"), format!("{name}.fish")]
                .map(|file| read(&format!("completions/{file}")));
            let zsh = read(&format!("completions/_{name}"));
            let options = program.command.get_arguments();
            for option in options.filter_map(|option| option.get_long()) {
                let escaped = option.replace('-', "\\-");
                assert!(
                    page.contains(&format!("\\-\\-{escaped}")),
                    "{name}: {option}"
                );
                for completion in [&bash, &zsh] {
                    assert!(
                        completion.contains(&format!("--{option}")),
                        "{name}: {option}"
                    );
                }
                assert!(fish.contains(&format!("-l {option}")), "{name}: {option}");
            }
            for command in program.command.get_subcommands() {
                let page = read(&format!("man/{name}-{}.{section}", command.get_name()));
                assert!(page.starts_with(".ie") && page.contains(".TH"), "{page}");
            }
        }
        assert!(read("config.toml").contains("[modes.gaming]"));
        let unit = read("scx_meta.service");
        assert!(unit.contains("\nExecStart=/usr/sbin/scx_meta "), "{unit}");
    }
}
