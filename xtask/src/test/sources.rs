// SPDX-License-Identifier: GPL-2.0-only
//! Which packages of the workspace have the tests of a name: the others need not be built.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lab::programs::cargo;
use lab::{command, paths};
use serde::Deserialize;

/// With this feature a package has tests for guests.
const GUEST_TESTS: &str = "guest-tests";

/// Of a package's folder, where tests may be.
const FOLDERS: [&str; 2] = ["src", "tests"];

/// What cargo says of the workspace.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    features: serde_json::Map<String, serde_json::Value>,
}

impl Package {
    fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }

    /// Tests in guests run scx_meta, and the table of faults is among its own.
    fn is_scx_meta(&self) -> bool {
        self.folder() == paths::repo()
    }

    fn mentions(&self, words: &[&str]) -> Result<bool> {
        let folders = FOLDERS.map(|name| self.folder().join(name));
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            if mentions(folder, words)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// cargo's arguments for scx_meta and the packages whose sources have the last word of one of these
/// names; for all if there is no name, or none has it.
pub(super) fn packages_with(names: &[String]) -> Result<Vec<String>> {
    let packages = packages()?;
    Ok(arguments(&packages, &chosen(&packages, names)?))
}

/// The same for the package that has the rows of the table of faults.
pub(super) fn of_faults() -> Result<Vec<String>> {
    let packages = packages()?;
    let scx_meta: Vec<_> = packages.iter().filter(|one| one.is_scx_meta()).collect();
    Ok(arguments(&packages, &scx_meta))
}

/// Those of the workspace, by name.
fn packages() -> Result<Vec<Package>> {
    let mut metadata = cargo::cargo()?;
    metadata.args(["metadata", "--no-deps", "--offline"]);
    let said = command::read(metadata.args(["--format-version", "1"]))?;
    let mut metadata: Metadata = serde_json::from_str(&said).context("cargo metadata")?;
    metadata.packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(metadata.packages)
}

fn chosen<'a>(packages: &'a [Package], names: &[String]) -> Result<Vec<&'a Package>> {
    let mut chosen = Vec::new();
    if names.is_empty() {
        return Ok(packages.iter().collect());
    }
    let words: Vec<&str> = names.iter().map(|name| last_word(name)).collect();
    for package in packages {
        if package.mentions(&words)? {
            chosen.push(package);
        }
    }
    if chosen.is_empty() {
        return Ok(packages.iter().collect());
    }
    if !chosen.iter().any(|package| package.is_scx_meta()) {
        chosen.extend(packages.iter().filter(|one| one.is_scx_meta()));
    }
    Ok(chosen)
}

fn arguments(packages: &[Package], chosen: &[&Package]) -> Vec<String> {
    let mut words = Vec::new();
    let all = chosen.len() == packages.len();
    if all {
        words.push("--workspace".to_string());
    }
    for package in chosen {
        let name = &package.name;
        if !all {
            words.extend(["--package".to_string(), name.clone()]);
        }
        if package.features.contains_key(GUEST_TESTS) {
            let feature = format!("{name}/{GUEST_TESTS}");
            words.extend(["--features".to_string(), feature]);
        }
    }
    words
}

/// A test of a macro has its parts in several places.
fn last_word(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

fn mentions(folder: &Path, words: &[&str]) -> Result<bool> {
    let unreadable = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        let found = if path.is_dir() {
            mentions(&path, words)?
        } else {
            let text = fs::read(&path).with_context(unreadable)?;
            let text = String::from_utf8_lossy(&text);
            words.iter().any(|word| text.contains(word))
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(filter: &[&str]) -> String {
        let filter: Vec<String> = filter.iter().map(ToString::to_string).collect();
        packages_with(&filter).unwrap().join(" ")
    }

    #[test]
    fn only_the_package_of_a_test_is_built() {
        let own = "only_the_package_of_a_test_is_built";
        let expected = "--package xtask --package scx_meta --features scx_meta/guest-tests";
        assert_eq!(words(&[own]), expected);
        assert_eq!(words(&[&format!("sources::tests::{own}")]), expected);
    }

    #[test]
    fn an_unknown_name_or_none_builds_all() {
        let none = ["no", "such", "test"].join("-");
        for filter in [&[][..], &[&*none]] {
            let words = words(filter);
            assert!(words.starts_with("--workspace --features "), "{words}");
            assert!(words.contains("scx_metabench/guest-tests"), "{words}");
        }
    }
}
