// SPDX-License-Identifier: GPL-2.0-only
//! Policies by name.

use anyhow::{ensure, Result};

/// The policies that there are, in the order of their table, and those of them that are loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    known: Vec<String>,
    loaded: Vec<String>,
}

impl Policies {
    /// `known` in the order of the table; of `loaded` counts what is known.
    pub fn new<T: ToString>(
        known: impl IntoIterator<Item = T>,
        loaded: impl IntoIterator<Item = T>,
    ) -> Self {
        let known: Vec<String> = known.into_iter().map(|name| name.to_string()).collect();
        let loaded: Vec<String> = loaded.into_iter().map(|name| name.to_string()).collect();
        let is_loaded = |name: &&String| loaded.contains(*name);
        Self {
            loaded: known.iter().filter(is_loaded).cloned().collect(),
            known,
        }
    }

    /// Those that are loaded, in the order of the table.
    pub fn loaded(&self) -> &[String] {
        &self.loaded
    }

    /// Whether a policy is loaded.
    pub fn is_loaded(&self, name: &str) -> bool {
        self.loaded.iter().any(|loaded| loaded == name)
    }

    /// Where a policy stands in the table; what is unknown comes last.
    pub(crate) fn place(&self, name: &str) -> usize {
        let mut known = self.known.iter();
        known
            .position(|known| known == name)
            .unwrap_or(self.known.len())
    }

    /// Refuses a name that no policy has.
    pub(crate) fn check(&self, name: &str) -> Result<()> {
        ensure!(
            self.known.iter().any(|known| known == name),
            "unknown policy `{name}`; known: {}",
            self.known.join(", ")
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_is_in_the_order_of_the_table() {
        let policies = Policies::new(["a", "b", "c"], ["c", "x", "a"]);
        assert_eq!(policies.loaded(), ["a", "c"]);
        assert!(policies.is_loaded("c") && !policies.is_loaded("b"));
        assert!(policies.place("b") < policies.place("c"));
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let policies = Policies::new(["a", "b"], ["a"]);
        assert!(policies.check("b").is_ok());
        let error = policies.check("bb").unwrap_err().to_string();
        assert_eq!(error, "unknown policy `bb`; known: a, b");
    }
}
