// SPDX-License-Identifier: GPL-2.0-only
//! How large the application is: as in the paper, or as an emulated machine can bear.

/// The application's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The paper's.
    Paper,
    /// For a machine that software plays.
    Emulated,
}

impl Scale {
    /// Documents in the store. A query's cost hardly depends on them, the size of the guest does.
    pub fn chunks(self) -> u32 {
        match self {
            Self::Paper => 54_967,
            Self::Emulated => 10_000,
        }
    }

    /// Questions about them. The first time that one is asked costs more, and all are asked while
    /// the load warms up.
    pub fn questions(self) -> u32 {
        match self {
            Self::Paper => 500,
            Self::Emulated => 150,
        }
    }

    /// What makes vectors of texts. The transformer takes 6 ms a query, and 2 s emulated.
    pub fn embedding(self) -> &'static str {
        match self {
            Self::Paper => "transformer",
            Self::Emulated => "static",
        }
    }

    /// `NAME=VALUE` of the load; the paper's is what `workload.toml` says.
    pub fn load(self) -> Vec<String> {
        let emulated: &[(&str, u32)] = match self {
            Self::Paper => &[],
            Self::Emulated => &[
                ("threads", 2),
                ("connections", 8),
                ("frontend_seconds", 2),
                ("backend_seconds", 3),
                ("whole_seconds", 3),
                ("warm_up", 4),
            ],
        };
        let word = |(name, value): &(&str, u32)| format!("{name}={value}");
        emulated.iter().map(word).collect()
    }
}
