# SPDX-License-Identifier: GPL-2.0-only
"""Makes a store: chunks of documentation, their vectors, an index, and questions about them.

layout.py says what lies where in it.
"""

import argparse
import json
import os
import shutil
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# Before numpy is loaded: our threads share the work, and numpy's own would wait for each other,
# on a busy machine most of the time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import chromadb
import numpy as np
from chromadb.config import Settings

sys.path.insert(0, str(Path(__file__).parent.parent))

import corpus
import embedding
import layout

AT_ONCE = 1000
"""Chunks that go into the store together."""

BATCH = 8
"""Texts that go through the transformer together: more do not fit into caches."""


def main() -> None:
    """Makes what the command line says."""
    args = arguments()
    chunks = corpus.evenly(corpus.chunks(args.text), args.chunks)
    files = args.out / layout.EMBEDDING
    files.mkdir(parents=True)
    take_embedding(args.embedding, args.model, files)
    vectors = embedded(embedding.load(args.embedding, files), chunks)
    index = fill(args.out / layout.CHROMA, chunks, vectors)
    questions = corpus.questions(chunks, args.questions)
    (args.out / layout.QUESTIONS).write_text("\n".join(questions) + "\n")
    description = {
        "chunks": len(chunks),
        "longest_chunk": max(map(len, chunks)),
        "text": args.packages,
        "embedding": {
            "kind": args.embedding,
            "model": "all-MiniLM-L6-v2",
            "dimensions": vectors.shape[1],
        },
        "index": index,
        "chroma": chromadb.__version__,
    }
    (args.out / layout.DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--text", type=Path, required=True, help="folder of documentation")
    parser.add_argument("--packages", nargs="+", required=True, help="where the text is from")
    parser.add_argument("--model", type=Path, required=True, help="folder of the model's files")
    parser.add_argument("--embedding", choices=["static", "transformer"], required=True)
    parser.add_argument("--chunks", type=int, required=True)
    parser.add_argument("--questions", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    return parser.parse_args()


def take_embedding(kind: str, model: Path, files: Path) -> None:
    """Puts beside the store what embeds a query."""
    shutil.copy(model / embedding.TOKENIZER, files)
    if kind == "static":
        table = embedding.weights(model / embedding.WEIGHTS)["embeddings.word_embeddings.weight"]
        # Half the memory; the cosines differ in the fourth digit.
        np.save(files / embedding.TOKEN_TABLE, table.astype(np.float16))
    else:
        for name in (embedding.WEIGHTS, "config.json"):
            shutil.copy(model / name, files)


def embedded(by: embedding.Embedding, chunks: list[str]) -> embedding.Array:
    """A vector for each chunk."""
    # Texts of one length together: what fills up the shorter ones is computed, too.
    order = sorted(range(len(chunks)), key=lambda index: len(chunks[index]))
    batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]

    def embed(number: int) -> embedding.Array:
        if number % 500 == 0:
            print(f"embedding chunk {number * BATCH} of {len(chunks)}", file=sys.stderr)
        return by.embed([chunks[index] for index in batches[number]])

    # numpy and the tokenizer let other threads run meanwhile.
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        parts = list(threads.map(embed, range(len(batches))))
    sorted_vectors = np.concatenate(parts)
    vectors = np.empty_like(sorted_vectors)
    vectors[order] = sorted_vectors
    return vectors


def fill(folder: Path, chunks: list[str], vectors: embedding.Array) -> dict[str, Any]:
    """Makes the Chroma store; what it says about its index."""
    client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    index = {
        "space": "cosine",
        # One thread: the same vectors make the same graph.
        "num_threads": 1,
        # All of it goes to disk at the end, or each start would index the rest again.
        "sync_threshold": len(chunks),
    }
    collection = client.create_collection(
        layout.COLLECTION, configuration={"hnsw": index}, embedding_function=None
    )
    for start in range(0, len(chunks), AT_ONCE):
        end = min(start + AT_ONCE, len(chunks))
        collection.add(
            ids=[str(number) for number in range(start, end)],
            embeddings=vectors[start:end],
            documents=chunks[start:end],
        )
    if collection.count() != len(chunks):
        raise RuntimeError(f"{collection.count()} of {len(chunks)} chunks are in the store")
    hnsw = collection.configuration["hnsw"]
    del client, collection
    # The queue that the vectors went through is empty now and twice as large as the rest.
    with sqlite3.connect(folder / "chroma.sqlite3") as database:
        database.execute("VACUUM")
    return {"kind": "hnsw", **hnsw}


if __name__ == "__main__":
    main()
