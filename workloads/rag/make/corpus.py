# SPDX-License-Identifier: GPL-2.0-only
"""Cuts the text of documentation packages into chunks, and questions out of chunks.

The same text gives the same chunks on every machine: nothing here is random.
"""

import re
from collections.abc import Iterator
from pathlib import Path

LONGEST = 500
"""Characters of a chunk, at most."""

SHORTEST = 80
"""Shorter ones are headings and remains of tables, which answer nothing."""

SOURCES = "*.rst.txt"
"""What Sphinx keeps beside its pages: plain text with little markup."""

FOREIGN = "translations"
"""Folder of what is not in English."""

QUESTION_WORDS = 12
"""Words of a question: enough to find its chunk again, and short as people ask."""

PARAGRAPH = re.compile(r"\n\s*\n")
SENTENCE = re.compile(r"(?<=[.!?:;])\s+")
MARKUP = re.compile(r"(?m)^\s*(\.\. .*|:[\w ]+:.*|[=\-~^\"'#*+.]{3,}.*)$|``|\*\*|:\w+:`|`")
PLAIN = re.compile(r"[^A-Za-z0-9 ,.'-]+")


def chunks(folder: Path) -> list[str]:
    """All chunks of the text below a folder."""
    found: dict[str, None] = {}
    for file in sorted(folder.rglob(SOURCES)):
        if FOREIGN not in file.parts:
            found.update(dict.fromkeys(of_text(file.read_text(errors="replace"))))
    return list(found)


def of_text(text: str) -> Iterator[str]:
    """The chunks of one document: sentences of one paragraph, as many as fit."""
    for paragraph in PARAGRAPH.split(text):
        chunk = ""
        for sentence in SENTENCE.split(" ".join(MARKUP.sub("", paragraph).split())):
            for part in cut(sentence):
                if len(chunk) + 1 + len(part) > LONGEST:
                    yield from long_enough(chunk)
                    chunk = part
                else:
                    chunk = f"{chunk} {part}".strip()
        yield from long_enough(chunk)


def long_enough(chunk: str) -> Iterator[str]:
    """The chunk, unless it is too short to say anything."""
    if len(chunk) >= SHORTEST:
        yield chunk


def cut(sentence: str) -> Iterator[str]:
    """Pieces of a sentence, each no longer than a chunk."""
    for start in range(0, len(sentence), LONGEST):
        yield sentence[start : start + LONGEST]


def evenly(items: list[str], count: int) -> list[str]:
    """So many of the items, from all over the list."""
    if count > len(items):
        raise ValueError(f"{count} are wanted, and there are only {len(items)}")
    return [items[index * len(items) // count] for index in range(count)]


def questions(of: list[str], count: int) -> list[str]:
    """Different questions that the first words of as many chunks make, one line each."""
    made: dict[str, None] = {}
    for chunk in of:
        words = PLAIN.sub(" ", chunk).split()[:QUESTION_WORDS]
        if len(words) == QUESTION_WORDS:
            made.setdefault(" ".join(words).rstrip(" .,") + "?")
    return evenly(list(made), count)
