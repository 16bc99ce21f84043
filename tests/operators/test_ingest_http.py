from __future__ import annotations

import base64
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airquery_airflow import IngestHTTPOperator, TransformOperator
from tests.operators.page_server import PageServer


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow.sdk import Context

    from tests.operators.conftest import Execute, Rows


@pytest.fixture
def server() -> Iterator[PageServer]:
    with PageServer() as server:
        yield server


def ingest(url: str, **given: Any) -> IngestHTTPOperator:
    return IngestHTTPOperator(task_id="a", url=url, table="s.t", **given)


def test_pages_are_followed_by_their_link_header(
    execute: Execute, rows: Rows, server: PageServer
) -> None:
    server.page("/items?day=2026-10-03", [{"n": 1}], Link='</x>; rel="prev", <?p=2>; rel="next"')
    server.page("/items?p=2", [{"n": 2, "late": "x"}], Link=f"<{server.url}/end>; rel=next")
    server.page("/end", [])

    execute(ingest(f"{server.url}/items?day={{{{ ds }}}}", pagination="link"))

    assert rows("SELECT n, late FROM s.t ORDER BY n") == [(1, None), (2, "x")]
    assert server.paths == ["/items?day=2026-10-03", "/items?p=2", "/end"]


@pytest.mark.parametrize(
    ("pagination", "queries"),
    [
        ({"next": "/links/next"}, ["", "?after=b"]),
        ({"next": "/cursor", "parameter": "c"}, ["", "?c=b%26"]),
        ({"page": "page"}, ["?page=1", "?page=2", "?page=3"]),
        ({"offset": "from"}, ["?from=0", "?from=2", "?from=3"]),
    ],
    ids=["address", "cursor", "page", "offset"],
)
def test_pages_are_followed_by_what_is_in_them_or_by_number(
    execute: Execute,
    rows: Rows,
    server: PageServer,
    pagination: dict[str, Any],
    queries: list[str],
) -> None:
    following = {"links": {"next": "?after=b"}, "cursor": "b&"}
    paths = [f"/items{query}" for query in queries]
    server.page(paths[0], {"data": {"items": [{"n": 1}, {"n": 2}]}, **following})
    server.page(paths[1], {"data": {"items": [{"n": 3}]}, "links": {"next": None}})
    server.page(paths[-1], {"data": {"items": []}})

    execute(ingest(f"{server.url}/items", pagination=pagination, records="/data/items"))

    assert rows("SELECT n FROM s.t ORDER BY n") == [(1,), (2,), (3,)]
    assert server.paths == paths


def test_what_did_not_change_is_neither_sent_nor_written_again(
    execute: Execute, rows: Rows, server: PageServer
) -> None:
    server.page("/a", [{"n": 1}], ETag='"v1"')
    task = ingest(f"{server.url}/a")

    first = execute(task)
    again = execute(task)

    assert again == first
    assert [headers.get("If-None-Match") for _, headers in server.asked] == [None, '"v1"']
    assert rows("SELECT n FROM s.t") == [(1,)]


def test_all_is_asked_for_where_the_partition_is_not_what_this_task_wrote(
    execute: Execute, rows: Rows, server: PageServer, home: Path
) -> None:
    server.page("/a", [{"n": 1}], ETag='"v1"')
    task = ingest(f"{server.url}/a")

    execute(task)
    execute(ingest(f"{server.url}/a", sql="SELECT n + 1 AS n FROM source"))
    execute(TransformOperator(task_id="t", table="s.t", sql="SELECT 9::HUGEINT::BIGINT AS n"))
    execute(ingest(f"{server.url}/a", sql="SELECT n::BIGINT AS n FROM source"), ds="2026-10-04")
    execute(task)
    shutil.rmtree(home / "warehouse" / "s" / "t")
    execute(task)

    assert [headers.get("If-None-Match") for _, headers in server.asked] == [None] * 5
    assert rows("SELECT n FROM s.t") == [(1,)]


def test_a_server_that_recovers_is_asked_again_and_a_refusal_is_not(
    execute: Execute, rows: Rows, server: PageServer
) -> None:
    server.page("/a", status=503, Retry_After="0")
    server.page("/a", status=429, Retry_After="0")
    server.page("/a", [{"n": 1}])
    server.page("/b?key=geheim", status=403)

    execute(ingest(f"{server.url}/a"))
    with pytest.raises(AirflowFailException, match=r"/b answered with HTTP status 403"):
        execute(ingest(f"{server.url}/b?key=geheim"))

    assert rows("SELECT n FROM s.t") == [(1,)]
    assert server.paths == ["/a", "/a", "/a", "/b?key=geheim"]


def test_a_connection_gives_the_address_and_the_keys_and_they_go_nowhere_else(
    execute: Execute, server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {
        "conn_type": "http",
        "host": "127.0.0.1",
        "schema": "http",
        "port": server.server_port,
        "login": "me",
        "password": "geheim-7f3a",
        "extra": json.dumps({"X-Team": "reviews", "timeout": "3"}),
    }
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(connection))
    server.page("/v1/a", [{"n": 1}], Link='<https://elsewhere.example/a>; rel="next"')

    with pytest.raises(AirflowFailException, match=r"elsewhere\.example/a, another orig") as caught:
        execute(ingest("/v1/a", http_conn_id="shop", pagination="link"))
    with pytest.raises(AirflowFailException, match=r"elsewhere\.example/a is not at"):
        execute(ingest("https://elsewhere.example/a", http_conn_id="shop"))

    [(_, headers)] = server.asked
    login = base64.b64encode(b"me:geheim-7f3a").decode()
    assert (headers["Authorization"], headers["X-Team"]) == (f"Basic {login}", "reviews")
    assert "timeout" not in headers
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pagination": "link"}, r"go round in a circle: .*/loop was read before"),
        ({"pagination": {"page": "p"}, "max_pages": 2}, r"more than 2 pages\. Nothing"),
        ({"max_bytes": 5}, r"/loop sent more than 5 bytes\. The rest was not read\. Raise max_by"),
        ({"records": "/nowhere"}, r"nothing at '/nowhere' in its answer\. Correct records"),
        ({"pagination": "all"}, r"pagination cannot be 'all'\. Write 'link'"),
    ],
    ids=["circle", "pages", "bytes", "records", "pagination"],
)
def test_what_has_no_end_or_no_rows_is_named_and_nothing_is_written(
    execute: Execute, server: PageServer, home: Path, given: dict[str, Any], said: str
) -> None:
    for path in ("/loop", "/loop?p=1", "/loop?p=2", "/loop?p=3"):
        server.page(path, [{"n": 1}], Link="</loop>; rel=next")

    with pytest.raises(AirflowException, match=said):
        execute(ingest(f"{server.url}/loop", **given))

    assert not (home / "warehouse").exists()


class Killable(IngestHTTPOperator):
    """Shows the copy of itself that runs."""

    running: ClassVar[list[IngestHTTPOperator]] = []

    def execute(self, context: Context) -> dict[str, Any]:
        self.running.append(self)
        return super().execute(context)


def test_a_killed_task_waits_for_no_answer(
    execute: Execute, server: PageServer, home: Path
) -> None:
    server.goes_on.clear()
    server.page("/a", [{"n": 1}])
    task = Killable(task_id="a", url=f"{server.url}/a", table="s.t")

    def kill() -> None:
        assert server.came.acquire(timeout=30)
        task.running[0].on_kill()

    with ThreadPoolExecutor(1) as thread:
        killed = thread.submit(kill)
        try:
            with pytest.raises(AirflowException, match="cancelled"):
                execute(task)
        finally:
            server.goes_on.set()
        killed.result()

    assert not (home / "warehouse").exists()


def test_no_rows_need_declared_columns(execute: Execute, rows: Rows, server: PageServer) -> None:
    server.page("/a", [])

    with pytest.raises(AirflowFailException, match="answered without rows"):
        execute(ingest(f"{server.url}/a"))
    execute(ingest(f"{server.url}/a", columns={"n": "BIGINT"}))

    assert rows("SELECT n FROM s.t") == []


def test_a_csv_is_read_too(execute: Execute, rows: Rows, server: PageServer) -> None:
    server.page("/a", b"n;m\n1;2\n")

    execute(ingest(f"{server.url}/a", format="csv", options={"delim": ";"}))

    assert rows("SELECT n, m FROM s.t") == [(1, 2)]
