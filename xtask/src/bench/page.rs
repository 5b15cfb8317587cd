// SPDX-License-Identifier: GPL-2.0-only
//! The page that a bench leaves in docs/results: what its program printed, where it comes from, and
//! its figures.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lab::paths;

use super::origin;

pub(super) const FOLDER: &str = "docs/results";

/// Writes `FOLDER/NAME.md` and `FOLDER/NAME/*.svg`, and removes the figures of an earlier page.
pub(super) fn write(
    folder: &Path,
    name: &str,
    printed: &str,
    figures: &[PathBuf],
) -> Result<PathBuf> {
    let beside = folder.join(name);
    if beside.exists() {
        fs::remove_dir_all(&beside)
            .with_context(|| format!("cannot remove {}", beside.display()))?;
    }
    fs::create_dir_all(&beside).with_context(|| format!("cannot create {}", beside.display()))?;
    let mut names = Vec::new();
    for figure in figures {
        let file = figure.file_name().context("a figure without a name")?;
        fs::copy(figure, beside.join(file))
            .with_context(|| format!("cannot copy {}", figure.display()))?;
        names.push(file.to_string_lossy().into_owned());
    }
    let page = folder.join(format!("{name}.md"));
    let text = text(name, &origins()?, printed, &names);
    fs::write(&page, text).with_context(|| format!("cannot write {}", page.display()))?;
    Ok(page)
}

/// Writes a page that a program has made whole, with its origin, as `docs/results/NAME.md`.
pub(super) fn write_text(name: &str, text: &str) -> Result<PathBuf> {
    let page = paths::repo().join(FOLDER).join(format!("{name}.md"));
    let (head, rest) = text.split_once("\n\n").unwrap_or(("", text));
    let text = format!(
        "{head}\n\n*Written by `cargo xtask bench {name}`: {}. The next run writes it anew.*\n\n{rest}",
        origins()?
    );
    fs::write(&page, text).with_context(|| format!("cannot write {}", page.display()))?;
    Ok(page)
}

fn origins() -> Result<String> {
    let commit = format!("commit {}", origin::commit()?);
    Ok(match origin::qemu()? {
        Some(qemu) => format!("{commit}; {qemu}"),
        None => commit,
    })
}

fn text(name: &str, origins: &str, printed: &str, figures: &[String]) -> String {
    let mut text = format!(
        "# bench {name}\n\n*Written by `cargo xtask bench {name}`: {origins}. The next run writes it \
         anew.*\n\n```text\n{}\n```\n",
        printed.trim_end()
    );
    for figure in figures {
        let title = figure.trim_end_matches(".svg").replace(['-', '_'], " ");
        let _ = write!(text, "\n![{title}]({name}/{figure})\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_what_was_printed_and_the_figures_of_its_own_run() {
        let folder = tempfile::tempdir().unwrap();
        let svg = folder.path().join("scale-cpus.svg");
        fs::write(&svg, "<svg/>").unwrap();
        let results = folder.path().join("results");
        write(&results, "scale", "old", std::slice::from_ref(&svg)).unwrap();
        fs::rename(&svg, folder.path().join("scale-tasks.svg")).unwrap();
        let svg = folder.path().join("scale-tasks.svg");
        let page = write(&results, "scale", "1.07\n\n", &[svg]).unwrap();
        let text = fs::read_to_string(page).unwrap();
        assert!(text.contains("```text\n1.07\n```\n"), "{text}");
        assert!(
            text.contains("![scale tasks](scale/scale-tasks.svg)"),
            "{text}"
        );
        assert!(text.contains("commit "), "{text}");
        let figures = fs::read_dir(results.join("scale")).unwrap();
        assert_eq!(figures.count(), 1, "the old one is gone");
    }
}
