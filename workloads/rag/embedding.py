# SPDX-License-Identifier: GPL-2.0-only
"""Turns texts into vectors: by all-MiniLM-L6-v2 itself, or by the mean of its token embeddings.

The static one needs no matrix product, which an emulated processor is slow at: there it takes
2 ms, the transformer 2 s. Both are numpy: the model's own library would bring 2 GB with it.
"""

import json
import math
import mmap
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tokenizers import Tokenizer

WEIGHTS = "model.safetensors"
"""Every weight of the model."""

TOKENIZER = "tokenizer.json"

TOKEN_TABLE = "token_embeddings.npy"
"""Only what the static embedding needs of the weights."""

MAX_TOKENS = 256
"""As sentence_bert_config.json of the model has it."""

Array = np.ndarray[Any, np.dtype[np.float32]]


class Embedding(Protocol):
    """Makes vectors of length 1."""

    def embed(self, texts: list[str]) -> Array:
        """One row for each text."""


def load(kind: str, folder: Path) -> Embedding:
    """The embedding of that name; `folder` has its files."""
    kinds: dict[str, type[Static] | type[Transformer]] = {
        "static": Static,
        "transformer": Transformer,
    }
    if kind not in kinds:
        raise ValueError(f"embedding {kind!r}: expected one of {', '.join(kinds)}")
    return kinds[kind](folder)


def tokenizer(folder: Path) -> Tokenizer:
    """The model's tokenizer, which cuts what is too long."""
    made = Tokenizer.from_file(str(folder / TOKENIZER))
    made.no_padding()
    made.enable_truncation(max_length=MAX_TOKENS)
    return made


def normalised(vectors: Array) -> Array:
    """Rows of length 1, so that a dot product is a cosine."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(length, 1e-12)).astype(np.float32)


class Static:
    """Mean of the embeddings of a text's tokens, whatever their order."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = tokenizer(folder)
        self._table = np.load(folder / TOKEN_TABLE, mmap_mode="r")

    def embed(self, texts: list[str]) -> Array:
        """One row for each text."""
        encoded = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        return normalised(np.stack([self._mean(one.ids) for one in encoded]))

    def _mean(self, ids: list[int]) -> Array:
        if not ids:
            return np.zeros(self._table.shape[1], np.float32)
        return self._table[ids].mean(axis=0, dtype=np.float32)


class Transformer:
    """The forward pass of the model (BERT, 6 layers) and the mean over its tokens."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = tokenizer(folder)
        self._tokenizer.enable_padding()
        config = json.loads((folder / "config.json").read_text())
        self._layers = config["num_hidden_layers"]
        self._heads = config["num_attention_heads"]
        self._epsilon = config["layer_norm_eps"]
        self._weights = weights(folder / WEIGHTS)

    def embed(self, texts: list[str]) -> Array:
        """One row for each text."""
        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([one.ids for one in encoded])
        mask = np.array([one.attention_mask for one in encoded], np.float32)
        hidden = self._embedded(ids)
        for layer in range(self._layers):
            hidden = self._encoded(f"encoder.layer.{layer}", hidden, mask)
        count = mask.sum(axis=1, keepdims=True)
        return normalised((hidden * mask[:, :, None]).sum(axis=1) / count)

    def _embedded(self, ids: Array) -> Array:
        words = self._weights["embeddings.word_embeddings.weight"][ids]
        places = self._weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kinds = self._weights["embeddings.token_type_embeddings.weight"][0]
        return self._norm("embeddings.LayerNorm", words + places + kinds)

    def _encoded(self, name: str, hidden: Array, mask: Array) -> Array:
        seen = self._attended(f"{name}.attention.self", hidden, mask)
        seen = self._dense(f"{name}.attention.output.dense", seen)
        hidden = self._norm(f"{name}.attention.output.LayerNorm", hidden + seen)
        wide = gelu(self._dense(f"{name}.intermediate.dense", hidden))
        narrow = self._dense(f"{name}.output.dense", wide)
        return self._norm(f"{name}.output.LayerNorm", hidden + narrow)

    def _attended(self, name: str, hidden: Array, mask: Array) -> Array:
        texts, tokens, width = hidden.shape
        per_head = width // self._heads

        def heads(part: str) -> Array:
            all_heads = self._dense(f"{name}.{part}", hidden)
            return all_heads.reshape(texts, tokens, self._heads, per_head).transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) / math.sqrt(per_head)
        # What only fills up a shorter text gets no attention.
        scores += (1.0 - mask)[:, None, None, :] * np.float32(-1e9)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        return (scores @ heads("value")).transpose(0, 2, 1, 3).reshape(texts, tokens, width)

    def _dense(self, name: str, values: Array) -> Array:
        # All texts in one product: numpy would make one for each.
        rows = values.reshape(-1, values.shape[-1]) @ self._weights[f"{name}.weight"].T
        return (rows + self._weights[f"{name}.bias"]).reshape(*values.shape[:-1], -1)

    def _norm(self, name: str, values: Array) -> Array:
        centred = values - values.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt(variance + np.float32(self._epsilon))
        return scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def gelu(values: Array) -> Array:
    """x Φ(x), the error function by Abramowitz and Stegun 7.1.26 (numpy has none): 1.5e-7 off."""
    size = np.abs(values) * np.float32(math.sqrt(0.5))
    t = 1.0 / (1.0 + np.float32(0.3275911) * size)
    terms = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
    polynomial = np.zeros_like(values)
    for term in terms:
        polynomial = (polynomial + np.float32(term)) * t
    erf = np.sign(values) * (1.0 - polynomial * np.exp(-size * size))
    return np.float32(0.5) * values * (1.0 + erf)


def weights(file: Path) -> dict[str, Array]:
    """The float tensors of a safetensors file: a length, a JSON header, then the data."""
    with file.open("rb") as opened:
        data = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    tensors = {}
    for name, tensor in header.items():
        if tensor.get("dtype") != "F32":
            continue
        begin, end = tensor["data_offsets"]
        flat = np.frombuffer(data, "<f4", (end - begin) // 4, start + begin)
        tensors[name] = flat.reshape(tensor["shape"])
    return tensors
