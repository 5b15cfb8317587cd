// SPDX-License-Identifier: GPL-2.0-only
//! Which packages have the tests of a name: the others need not be built.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::paths;

/// A package with tests.
struct Package {
    name: &'static str,
    folders: &'static [&'static str],
    /// With this feature it has tests for guests.
    feature: Option<&'static str>,
}

const PACKAGES: [Package; 8] = [
    Package {
        name: "scx_meta",
        folders: &["src", "tests"],
        feature: Some("guest-tests"),
    },
    Package {
        name: "scx_metabench",
        folders: &["metabench/src", "metabench/tests"],
        feature: Some("guest-tests"),
    },
    Package {
        name: "scx_microbench",
        folders: &["microbench/src"],
        feature: None,
    },
    Package {
        name: "evidence",
        folders: &["evidence/src"],
        feature: None,
    },
    Package {
        name: "labkit",
        folders: &["labkit/src"],
        feature: None,
    },
    Package {
        name: "rotation-tests",
        folders: &["rotation-tests/src", "rotation-tests/tests"],
        feature: None,
    },
    Package {
        name: "strategy",
        folders: &["strategy/src"],
        feature: None,
    },
    Package {
        name: "xtask",
        folders: &["xtask/src", "xtask/tests"],
        feature: Some("guest-tests"),
    },
];

/// Packages to build.
pub struct Chosen(Vec<&'static Package>);

impl Chosen {
    /// cargo's arguments. scx_meta comes always: tests in guests run it.
    pub fn arguments(&self) -> Vec<String> {
        let mut words = Vec::new();
        let all = self.0.len() == PACKAGES.len();
        if all {
            words.push("--workspace".to_string());
        }
        for package in &self.0 {
            if !all {
                words.extend(["--package".to_string(), package.name.to_string()]);
            }
            if let Some(feature) = package.feature {
                words.extend([
                    "--features".to_string(),
                    format!("{}/{feature}", package.name),
                ]);
            }
        }
        words
    }
}

/// The packages whose sources have the last word of one of these names; all if there is no name,
/// or none has it.
pub fn packages_with(names: &[String]) -> Result<Chosen> {
    let words: Vec<&str> = names.iter().map(|name| last_word(name)).collect();
    let mut chosen = Vec::new();
    for package in &PACKAGES {
        let mut found = package.name == PACKAGES[0].name;
        for folder in package.folders {
            let folder = paths::repo().join(folder);
            found = found || mentions(&folder, &words)?;
        }
        if found {
            chosen.push(package);
        }
    }
    let nothing = words.is_empty() || (chosen.len() == 1 && !mentioned(chosen[0], &words)?);
    if nothing {
        chosen = PACKAGES.iter().collect();
    }
    Ok(Chosen(chosen))
}

/// The package that has the rows of the table of faults.
pub fn of_faults() -> Chosen {
    Chosen(vec![&PACKAGES[0]])
}

fn mentioned(package: &Package, words: &[&str]) -> Result<bool> {
    for folder in package.folders {
        if mentions(&paths::repo().join(folder), words)? {
            return Ok(true);
        }
    }
    Ok(false)
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

    fn names(filter: &[&str]) -> Vec<&'static str> {
        let filter: Vec<String> = filter.iter().map(|name| name.to_string()).collect();
        let chosen = packages_with(&filter).unwrap();
        chosen.0.iter().map(|package| package.name).collect()
    }

    #[test]
    fn only_the_package_of_a_test_is_built() {
        let own = "only_the_package_of_a_test_is_built";
        assert_eq!(names(&[own]), ["scx_meta", "xtask"]);
        assert_eq!(
            names(&[&format!("sources::tests::{own}")]),
            ["scx_meta", "xtask"]
        );
    }

    #[test]
    fn an_unknown_name_or_none_builds_all() {
        assert_eq!(names(&[]).len(), PACKAGES.len());
        assert_eq!(
            names(&[&["no", "such", "test"].join("-")]).len(),
            PACKAGES.len()
        );
    }
}
