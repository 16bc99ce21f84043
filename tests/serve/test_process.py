from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

import airquery.serve.llama_process as llama_process_module
from airquery.errors import ConfigurationError
from airquery.serve.options import ServeOptions
from airquery.serve.process import ServerProcess


def test_inside_the_block_the_server_is_ready_and_after_it_gone() -> None:
    with ServerProcess(ServeOptions(models=("vader",))) as running:
        process = psutil.Process(running.pid)
        assert httpx.get(f"{running.url}/health").status_code == 200
        assert os.getpgid(running.pid) == running.pid != os.getpgid(0)
    assert not process.is_running()
    assert (running.url, running.pid) == ("", 0)


def test_two_servers_at_once_take_two_ports() -> None:
    options = ServeOptions(models=("vader",))
    with ServerProcess(options) as one, ServerProcess(options) as two:
        assert one.url != two.url
        assert httpx.get(f"{two.url}/health").status_code == 200


def test_a_server_that_fails_shows_what_it_said(tmp_path: Path) -> None:
    options = ServeOptions(models=("mine",), model_path=tmp_path / "mine.gguf")
    with pytest.raises(ConfigurationError) as failed, ServerProcess(options):
        pass
    assert "ended with exit code 1 before it was ready. It said:" in str(failed.value)
    assert "mine.gguf' cannot be read: No such file or directory" in str(failed.value)


def test_a_server_that_is_not_ready_in_time_is_stopped() -> None:
    before = psutil.Process().children(recursive=True)
    running = ServerProcess(ServeOptions(models=("vader",)), ready_timeout_s=0)
    with pytest.raises(ConfigurationError, match="was not ready within 0 s"), running:
        pass
    assert psutil.Process().children(recursive=True) == before


def test_a_server_that_runs_is_not_started_again() -> None:
    with ServerProcess(ServeOptions(models=("vader",))) as running:
        with pytest.raises(ConfigurationError, match="runs already"):
            running.__enter__()
        assert httpx.get(f"{running.url}/health").status_code == 200


def test_the_token_is_in_no_command_line_and_not_in_the_environment_of_a_model(
    cache_dir: Path,
) -> None:
    options = ServeOptions(models=("minilm",), cache_dir=cache_dir, token="hush-hush")
    with ServerProcess(options) as running:
        server = psutil.Process(running.pid)
        [model] = server.children(recursive=True)
        seen = [*server.cmdline(), *model.cmdline(), *model.environ().values()]

    assert "hush" not in " ".join(seen)


def test_idle_threads_sleep_in_every_process_that_serves(server: ServerProcess) -> None:
    process = psutil.Process(server.pid)
    serving = [process, *process.children(recursive=True)]
    assert [each.environ().get("OMP_WAIT_POLICY") for each in serving] == ["passive"] * 3


def test_the_library_itself_reads_that_idle_threads_sleep(tmp_path: Path) -> None:
    program = Path(llama_process_module.__file__).with_name("llama.py")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OMP_")}
    settings = {
        "name": "none",
        "path": str(tmp_path / "none.gguf"),
        "embedding": False,
        "slots": 1,
        "context_per_slot": 64,
        "threads": 1,
        "connections": 2,
        "api_key": "k",
    }
    done = subprocess.run(
        [sys.executable, "-P", str(program)],
        input=json.dumps(settings).encode() + b"\n",
        env={**environment, "OMP_DISPLAY_ENV": "true"},
        capture_output=True,
        check=False,
    )
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in done.stderr.decode()
    assert done.returncode == 1
    assert "error" in json.loads(done.stdout)
