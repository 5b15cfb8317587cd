// SPDX-License-Identifier: GPL-2.0-only
//! The store: chunks of the text, their vectors and Chroma's index of them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::made::made;
use super::python::Python;
use super::{made, model, text, Scale};
use crate::command;

/// The application's own files that decide what a store looks like.
const MAKERS: [&str; 6] = [
    "make/corpus.py",
    "make/store.py",
    "layout.py",
    "embedding.py",
    "requirements.txt",
    "model.txt",
];

/// How a store was made; beside it.
const DESCRIPTION: &str = "store.json";

/// What is said of a store.
#[derive(Deserialize)]
struct Description {
    chunks: u64,
    longest_chunk: u64,
    text: Vec<String>,
    embedding: Embedding,
    index: Index,
    chroma: String,
}

#[derive(Deserialize)]
struct Embedding {
    kind: String,
    model: String,
    dimensions: u64,
}

#[derive(Deserialize)]
struct Index {
    kind: String,
    space: String,
    ef_search: u64,
    max_neighbors: u64,
}

/// Folder of the store; made if need be.
pub fn make(python: &Python, packages: &Path, scale: Scale) -> Result<PathBuf> {
    let (kind, chunks) = (scale.embedding(), scale.chunks());
    let text = text::fetch()?;
    let model = model::fetch(python)?;
    let makers = MAKERS.map(|file| super::workload().join(file));
    let inputs = format!(
        "{scale:?} {:?}\n{}",
        text.packages,
        made::contents(&makers)?
    );
    made(
        &super::kept()?,
        &format!("store-{kind}-{chunks}"),
        &inputs,
        |folder| {
            eprintln!(
                "lab: making a store of {chunks} chunks, {kind} embedding{}",
                time(kind)
            );
            let mut make = python.command();
            make.env("PYTHONPATH", packages);
            make.arg(super::workload().join("make/store.py"));
            make.arg("--text").arg(&text.folder);
            make.arg("--packages").args(&text.packages);
            make.arg("--model").arg(&model);
            make.args(["--embedding", kind, "--chunks", &chunks.to_string()]);
            make.args(["--questions", &scale.questions().to_string()]);
            command::run(make.arg("--out").arg(folder))
        },
    )
}

/// What to expect, where it is long.
fn time(kind: &str) -> &'static str {
    match kind {
        "transformer" => " (once, about 15 minutes on 2 idle cores)",
        _ => "",
    }
}

/// A store in words, for reports.
pub fn described(store: &Path) -> Result<String> {
    let file = store.join(DESCRIPTION);
    let text = fs::read_to_string(&file);
    let text = text.with_context(|| format!("cannot read {}", file.display()))?;
    let description: Description =
        serde_json::from_str(&text).with_context(|| format!("{}", file.display()))?;
    Ok(words(&description))
}

fn words(store: &Description) -> String {
    let Description {
        chunks,
        longest_chunk,
        embedding,
        index,
        ..
    } = store;
    let embedding = match embedding.kind.as_str() {
        "static" => format!(
            "static embedding (mean of the token embeddings of {}, {} dimensions)",
            embedding.model, embedding.dimensions
        ),
        _ => format!(
            "embedding by {}, {} dimensions",
            embedding.model, embedding.dimensions
        ),
    };
    format!(
        "{chunks} chunks of at most {longest_chunk} characters of {}; {embedding}; Chroma {}, {} \
         by {}, {} neighbours, search width {}",
        store.text.join(" and "),
        store.chroma,
        index.kind,
        index.space,
        index.max_neighbors,
        index.ef_search,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As make/store.py writes it.
    const STORE: &str = r#"{"chunks": 10000, "longest_chunk": 500, "text": ["linux-doc-6.12 6.12.1", "python3.11-doc 3.11.2"],
        "embedding": {"kind": "static", "model": "all-MiniLM-L6-v2", "dimensions": 384},
        "index": {"kind": "hnsw", "space": "cosine", "ef_construction": 100, "ef_search": 100, "max_neighbors": 16},
        "chroma": "1.5.9"}"#;

    #[test]
    fn a_store_is_described_with_its_embedding_and_index() {
        assert_eq!(
            words(&serde_json::from_str(STORE).unwrap()),
            "10000 chunks of at most 500 characters of linux-doc-6.12 6.12.1 and python3.11-doc \
             3.11.2; static embedding (mean of the token embeddings of all-MiniLM-L6-v2, 384 \
             dimensions); Chroma 1.5.9, hnsw by cosine, 16 neighbours, search width 100"
        );
        let real = STORE.replace("static", "transformer");
        assert!(words(&serde_json::from_str(&real).unwrap())
            .contains("embedding by all-MiniLM-L6-v2, 384 dimensions;"));
    }

    #[test]
    fn what_makes_a_store_is_there() {
        for maker in MAKERS {
            assert!(super::super::workload().join(maker).is_file(), "{maker}");
        }
    }
}
