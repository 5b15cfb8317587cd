# SPDX-License-Identifier: GPL-2.0-only
"""What answers a question: the store, or always the same documents."""

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import layout

# Before numpy and the tokenizer are loaded: as many queries run at once as there are threads that
# ask, and each is too small to be worth more.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

NEAREST = 4
"""Documents in an answer."""


@dataclass(frozen=True)
class Document:
    """One of the nearest."""

    id: str
    text: str
    distance: float
    """1 − cosine."""


class Backend(Protocol):
    """Finds the documents that are nearest to a question."""

    def nearest(self, question: str) -> list[Document]:
        """Four, the nearest first."""


def as_json(documents: list[Document]) -> list[dict[str, Any]]:
    """What a reply says of them."""
    return [asdict(document) for document in documents]


class Fixed:
    """Stands in for the store where the frontend is measured alone: the same size of answer."""

    def __init__(self) -> None:
        text = "A document that answers every question equally well. " * 5
        self._documents = [Document(str(n), text, 0.1 * n) for n in range(NEAREST)]

    def nearest(self, question: str) -> list[Document]:
        """The same for every question."""
        return self._documents


class Store:
    """Embeds the question and asks Chroma.

    Chroma writes as it opens a store, even if nothing is to be added, and others may use this one:
    it works on a copy in `scratch`, which an earlier run may have left.
    """

    def __init__(self, folder: Path, scratch: Path) -> None:
        # Where the frontend is alone, neither is wanted.
        import chromadb
        from chromadb.config import Settings

        import embedding

        made = json.loads((folder / layout.DESCRIPTION).read_text())
        self._embedding = embedding.load(made["embedding"]["kind"], folder / layout.EMBEDDING)
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(folder / layout.CHROMA, scratch)
        settings = Settings(anonymized_telemetry=False)
        client = chromadb.PersistentClient(str(scratch), settings=settings)
        # We bring our vectors along: Chroma needs no model of its own.
        self._collection = client.get_collection(layout.COLLECTION, embedding_function=None)
        # The first query reads the index; nobody should have to wait for it.
        self.nearest("Is everything there?")

    def nearest(self, question: str) -> list[Document]:
        """By cosine."""
        found = self._collection.query(
            query_embeddings=self._embedding.embed([question]),
            n_results=NEAREST,
            include=["documents", "distances"],
        )
        rows = zip(found["ids"][0], found["documents"][0], found["distances"][0], strict=True)
        return [Document(name, text, float(distance)) for name, text, distance in rows]
