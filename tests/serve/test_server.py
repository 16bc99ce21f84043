from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

import airquery.serve.process as process_module
from airquery.serve.options import ServeOptions
from airquery.serve.process import ServerProcess


if TYPE_CHECKING:
    from collections.abc import Callable


MODULE = [sys.executable, "-m", "airquery.serve"]
URL_LINE = b"airquery serve: http://127.0.0.1:"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(process_module.__file__).parents[2]))


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_cleanly(number: signal.Signals, cache_dir: Path) -> None:
    command = [*MODULE, "--port=0", "--models=minilm,vader", f"--cache-dir={cache_dir}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith(URL_LINE)
        children = psutil.Process(server.pid).children(recursive=True)
        server.send_signal(number)
        stdout, stderr = server.communicate(timeout=30)
    assert (server.returncode, stdout, stderr) == (0, b"", b"")
    assert len(children) == 1
    assert all(gone(child) for child in children)


def test_a_signal_stops_a_server_that_still_loads() -> None:
    command = [*MODULE, "--port=0", "--models=smollm2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        parent = psutil.Process(server.pid)
        wait_until(lambda: bool(parent.children()))
        children = parent.children()
        server.terminate()
        _, stderr = server.communicate(timeout=30)
    assert (server.returncode, stderr) == (0, b"")
    assert all(gone(child) for child in children)


def test_no_model_outlives_a_server_that_is_killed(cache_dir: Path) -> None:
    with ServerProcess(ServeOptions(models=("minilm",), cache_dir=cache_dir)) as running:
        server = psutil.Process(running.pid)
        [model] = server.children(recursive=True)
        server.kill()
        wait_until(lambda: gone(model))


def test_a_model_that_died_makes_the_server_unhealthy(cache_dir: Path) -> None:
    options = ServeOptions(models=("minilm", "vader"), cache_dir=cache_dir)
    with ServerProcess(options) as running, httpx.Client(base_url=running.url) as client:
        [model] = psutil.Process(running.pid).children(recursive=True)
        model.kill()
        wait_until(lambda: client.get("/health").status_code == 503)
        assert client.get("/health").json() == {"status": "failed"}
        answer = client.post("/v1/embeddings", json={"model": "minilm", "input": "x"})
        assert answer.status_code == 503
        assert "has ended. Start the server again." in answer.json()["error"]["message"]
        records = {"dataframe_records": [{"text": "good"}]}
        path = "/serving-endpoints/vader/invocations"
        assert client.post(path, json=records).status_code == 200


def test_a_model_that_dies_while_it_answers_leaves_no_request_without_an_end(
    cache_dir: Path,
) -> None:
    options = ServeOptions(models=("minilm",), cache_dir=cache_dir)
    with ServerProcess(options) as running, ThreadPoolExecutor(1) as pool:
        server = psutil.Process(running.pid)
        [model] = server.children()
        [listening] = model.net_connections()
        model.suspend()
        body = {"model": "minilm", "input": "x"}
        answer = pool.submit(httpx.post, f"{running.url}/v1/embeddings", json=body, timeout=60)
        wait_until(lambda: listening.laddr in [each.raddr for each in server.net_connections()])
        model.kill()
        assert answer.result().status_code == 502
        assert "broke off" in answer.result().json()["error"]["message"]


def test_a_stream_whose_model_dies_breaks_off_instead_of_ending(smollm2_file: Path) -> None:
    options = ServeOptions(models=(smollm2_file.stem,), model_path=smollm2_file, slots=1)
    body = {"model": smollm2_file.stem, "prompt": "One,", "stream": True, "ignore_eos": True}
    with ServerProcess(options) as running, httpx.Client(base_url=running.url) as client:
        [model] = psutil.Process(running.pid).children()
        with client.stream("POST", "/v1/completions", json=body, timeout=60) as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith("data: ")
            model.kill()
            with pytest.raises(httpx.RemoteProtocolError):
                list(lines)


def test_a_port_in_use_is_one_clear_line_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*MODULE, f"--port={port}", "--models=vader"], capture_output=True, check=False
        )
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        f"airquery serve: Port {port} of 127.0.0.1 is in use. "
        "Choose another with --port; 0 takes any free one.\n"
    )


def test_a_broken_model_file_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"GGUF\3\0\0\0 and no more")
    done = subprocess.run(
        [*MODULE, "--port=0", f"--model={path}", "--models=mine,vader"],
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, b"")
    assert f"The model file {str(path)!r} could not be loaded" in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--models=vader", "--host=198.51.100.7", "--allow-remote"],
            "Cannot listen on 198.51.100.7, port 8077",
        ),
        (["--models=vader", "--host=0.0.0.0"], "Other machines can reach a server"),
        (["--models=vader,gpt-5"], "Model 'gpt-5' is not served."),
        (["--models=,"], "No model is asked for."),
        (["--model=/no/such.gguf"], "'/no/such.gguf' cannot be read"),
        (["--threads=0"], "threads must be at least 1"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_1(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRQUERY_SERVE_TOKEN", "hush-hush")
    done = subprocess.run([*MODULE, *arguments], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("airquery serve: ")
    assert said in line


def test_a_host_that_others_reach_is_served_with_a_token_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("hush-hush", encoding="ascii")
    command = [*MODULE, "--port=0", "--models=vader", "--host=0.0.0.0", "--allow-remote"]
    with subprocess.Popen(
        [*command, f"--token-file={file}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        line = server.stdout.readline().decode()
        url = line.split()[-1].replace("0.0.0.0", "127.0.0.1")
        statuses = [
            httpx.get(f"{url}{path}", headers=headers).status_code
            for path in ("/health", "/v1/models")
            for headers in ({}, {"Authorization": "Bearer hush-hush"})
        ]
        server.terminate()
        stderr = server.communicate(timeout=30)[1]

    assert line.startswith("airquery serve: http://0.0.0.0:")
    assert (statuses, stderr) == ([200, 200, 401, 200], b"")


def test_a_model_file_of_ones_own_replaces_the_packaged_one(
    smollm2_file: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "my-model.v2.gguf"
    mine.symlink_to(smollm2_file)
    options = ServeOptions(models=("my-model.v2",), model_path=mine, slots=1, threads=2)
    body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}
    with ServerProcess(options) as running, httpx.Client(base_url=running.url) as client:
        path = "/v1/chat/completions"
        answer = client.post(path, json={**body, "model": "my-model.v2"}, timeout=60)
        assert (answer.status_code, answer.json()["model"]) == (200, "my-model.v2")
        assert client.post(path, json={**body, "model": "smollm2"}).status_code == 404
