# SPDX-License-Identifier: GPL-2.0-only
"""What lies where in the folder of a store: make/store.py writes it, backend.py reads it."""

DESCRIPTION = "store.json"
"""How the store was made, and so how a query must be embedded."""

CHROMA = "chroma"
"""Folder of the Chroma store."""

COLLECTION = "chunks"
"""Name of its only collection."""

EMBEDDING = "embedding"
"""Folder of what embeds a query."""

QUESTIONS = "questions.txt"
"""Questions about the text, one a line; ask.lua reads them, too."""
