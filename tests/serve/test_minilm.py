"""The three proofs of the conversion: the source, the token ids, the vectors."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

import airquery.serve.minilm as minilm_module
from airquery.errors import InvalidSetting
from airquery.serve.bert_gguf import piece_text
from airquery.serve.llama_process import LlamaProcess, LlamaSettings
from airquery.serve.minilm import SOURCE_SHA256, converted_file, ensure_converted


if TYPE_CHECKING:
    import httpx
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]


SENTENCES = [
    "I bought this camera in May, and the battery died after 3 weeks.",
    "Unaffable antidisestablishmentarianism; re-tokenised!",
    "Café crème à l'œuvre: naïve Zürich, ÅNGSTRÖM",
    "brackets [ ] and a[0], #hash ## and '##ing', (50%) $9.99 e-mail@example.com",
    "日本語のレビュー 很好 🙂 مرحبا",
    "tabs\tand\nlines   and    spaces",
    "It works " * 60,
]
# The rounding of eight bits evens out over the words of a text; in one word it stays.
WORDS = ["x", "ok", "good", "no", "!"]


def source_tokenizer(source: Path) -> Any:
    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def reference_embedding(source: Path, ids: list[int], weights: dict[str, Floats]) -> Floats:
    """Run BERT as its paper says it, in 32-bit numpy, and return the mean of the last layer."""
    config = json.loads((source / "config.json").read_bytes())
    heads, epsilon = config["num_attention_heads"], config["layer_norm_eps"]

    def norm(x: Any, name: str) -> Any:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)
        return x * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def dense(x: Any, name: str) -> Any:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def split(x: Any) -> Any:
        return x.reshape(len(ids), heads, -1).transpose(1, 0, 2)

    def gelu(x: Any) -> Any:
        return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))

    x: Any = weights["embeddings.word_embeddings.weight"][ids]
    x = x + weights["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        query, key, value = (
            split(dense(x, f"{layer}.attention.self.{part}")) for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        seen = (shares @ value).transpose(1, 0, 2).reshape(len(ids), -1)
        x = norm(
            x + dense(seen, f"{layer}.attention.output.dense"),
            f"{layer}.attention.output.LayerNorm",
        )
        up = gelu(dense(x, f"{layer}.intermediate.dense"))
        x = norm(x + dense(up, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    mean: Floats = x.mean(0)
    return mean


async def llama_ids(model: Path, texts: list[str]) -> list[list[int]]:
    settings = LlamaSettings(
        name="minilm", path=model, embedding=True, slots=1, context_per_slot=512, threads=1
    )
    llama = await LlamaProcess.start(settings)
    try:
        ids = []
        for text in texts:
            body = json.dumps({"content": text, "add_special": True}).encode()
            async with await llama.post("/tokenize", body) as answer:
                ids.append((await answer.json())["tokens"])
        return ids
    finally:
        await llama.close()


def test_a_text_becomes_the_token_ids_of_the_models_own_tokenizer(
    cache_dir: Path, minilm_source: Path
) -> None:
    tokenizer = source_tokenizer(minilm_source)
    expected = [tokenizer.encode(text).ids for text in SENTENCES + WORDS]
    assert asyncio.run(llama_ids(converted_file(cache_dir), SENTENCES + WORDS)) == expected


@pytest.mark.parametrize(("texts", "least"), [(SENTENCES, 0.999), (WORDS, 0.9975)])
def test_the_vectors_agree_with_an_unquantised_reference(
    texts: list[str], least: float, client: httpx.Client, minilm_source: Path
) -> None:
    tokenizer = source_tokenizer(minilm_source)
    weights: dict[str, Floats] = load_file(minilm_source / "model.safetensors")
    answer = client.post("/v1/embeddings", json={"model": "minilm", "input": texts}).json()
    cosines = []
    for text, item in zip(texts, answer["data"], strict=True):
        ours = np.asarray(item["embedding"], dtype=np.float32)
        reference = reference_embedding(minilm_source, tokenizer.encode(text).ids, weights)
        cosines.append(float(ours @ reference / np.linalg.norm(ours) / np.linalg.norm(reference)))
    assert min(cosines) >= least


@pytest.mark.parametrize("name", sorted(SOURCE_SHA256))
def test_a_source_that_is_not_the_pinned_one_is_refused_and_nothing_is_written(
    name: str, minilm_source: Path, tmp_path: Path
) -> None:
    source, cache = tmp_path / "source", tmp_path / "cache"
    source.mkdir()
    for each in SOURCE_SHA256:
        (source / each).symlink_to(minilm_source / each)
    (source / name).unlink()
    (source / name).write_bytes(b"something else")
    found = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(InvalidSetting, match=f"its sha256 is {found}, not {SOURCE_SHA256[name]}"):
        ensure_converted(source, cache)
    assert not cache.exists()


def test_a_source_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="cannot be read: No such file"):
        ensure_converted(tmp_path, tmp_path / "cache")


def test_a_converted_model_is_not_converted_again(cache_dir: Path, tmp_path: Path) -> None:
    assert ensure_converted(tmp_path / "no source", cache_dir) == converted_file(cache_dir)


def test_a_cache_that_cannot_be_written_is_named(minilm_source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidSetting, match="Name another folder with --cache-dir"):
        ensure_converted(minilm_source, tmp_path / "file" / "cache")


def test_two_processes_may_convert_at_once(
    cache_dir: Path, minilm_source: Path, tmp_path: Path
) -> None:
    program = (
        "import sys; from pathlib import Path; from airquery.serve.minilm import ensure_converted;"
        "print(ensure_converted(Path(sys.argv[1]), Path(sys.argv[2])))"
    )
    root = str(Path(minilm_module.__file__).parents[2])
    command = [sys.executable, "-c", program, str(minilm_source), str(tmp_path)]
    processes = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root}
        )
        for _ in range(2)
    ]
    target = converted_file(tmp_path)
    assert [process.communicate()[0].strip() for process in processes] == [str(target)] * 2
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == converted_file(cache_dir).read_bytes()


@pytest.mark.parametrize(
    ("piece", "text"),
    [
        ("walk", "\u2581walk"),
        ("##ing", "ing"),
        ("##", "\u2581##"),
        ("[", "\u2581["),
        ("[CLS]", "[CLS]"),
        ("[unused12]", "[unused12]"),
    ],
)
def test_a_piece_is_marked_where_a_word_starts(piece: str, text: str) -> None:
    assert piece_text(piece) == text
