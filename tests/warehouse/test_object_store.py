from __future__ import annotations

import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import duckdb
import pytest
from pyarrow import BufferReader, parquet

from airquery.errors import WarehouseError
from airquery.warehouse import Publication, Warehouse


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class ObjectStore(ThreadingHTTPServer):
    """As much of S3 as Delta tables need: bytes in memory, by key.

    `If-None-Match: *` refuses to replace an object: on a store without locks, that is what makes a
    commit atomic.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def options(self) -> dict[str, str]:
        """What delta-rs needs to reach this store."""
        return {
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_port}",
            "AWS_ALLOW_HTTP": "true",
            "aws_conditional_put": "etag",
        }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["If-None-Match"] == "*" and self.key in self.objects:
            self.reply(412)
        else:
            self.objects[self.key] = body
            self.reply(200)

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if "list-type" in query:
            self.reply(200, self.listing(query["prefix"][0], query.get("start-after", [""])[0]))
        elif self.key not in self.objects:
            self.reply(404)
        else:
            body = self.objects[self.key]
            span = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
            if span is None:
                self.reply(200, body)
            else:
                first, last = map(int, span.groups())
                total = f"bytes {first}-{last}/{len(body)}"
                self.reply(206, body[first : last + 1], content_range=total)

    def do_HEAD(self) -> None:
        self.reply(200 if self.key in self.objects else 404, self.objects.get(self.key, b""))

    @property
    def objects(self) -> dict[str, bytes]:
        assert isinstance(self.server, ObjectStore)
        return self.server.objects

    @property
    def key(self) -> str:
        return unquote(urlsplit(self.path).path)

    def listing(self, prefix: str, start: str) -> bytes:
        bucket = self.key.rstrip("/") + "/"
        sizes = {key.removeprefix(bucket): len(self.objects[key]) for key in sorted(self.objects)}
        found = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{size}</Size><ETag>e</ETag>"
            "<LastModified>2026-11-21T00:00:00.000Z</LastModified></Contents>"
            for name, size in sizes.items()
            if name.startswith(prefix) and name > start
        )
        return f"<ListBucketResult>{found}</ListBucketResult>".encode()

    def reply(self, status: int, body: bytes = b"", *, content_range: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"e"')
        self.send_header("Last-Modified", "Sat, 21 Nov 2026 00:00:00 GMT")
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with ObjectStore() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def bucket(store: ObjectStore) -> Warehouse:
    return Warehouse("s3://bucket/tables/", storage_options=store.options)


def values_of(store: ObjectStore, warehouse: Warehouse, partition: str) -> list[object]:
    """Read the column `a` of a partition, from the bytes in the store."""
    values: list[object] = []
    for file in warehouse.partition_files("main.t", partition):
        body = store.objects[file.removeprefix("s3:/")]
        values += parquet.read_table(BufferReader(body)).column("a").to_pylist()
    return values


def test_a_bucket_holds_tables_as_a_folder_does(
    store: ObjectStore, bucket: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    rows = con.sql("SELECT 1 AS a")
    first = bucket.publish("main.t", rows, partition="a/ü", run_number=1)
    assert first == Publication(table="main.t", partition="a/ü", version=0, rows=1, written=True)
    assert not bucket.publish("main.t", rows, partition="a/ü", run_number=1).written
    more = con.sql("SELECT 2 AS a FROM range(2)")
    assert bucket.publish("main.t", more, partition="b", run_number=1).version == 1
    assert bucket.publish("main.t", more, partition="a/ü", run_number=2).version == 2
    assert values_of(store, bucket, "a/ü") == [2, 2]
    assert values_of(store, bucket, "b") == [2, 2]
    assert bucket.version("main.t") == 2


@pytest.mark.parametrize("existing", [True, False], ids=["existing table", "new table"])
def test_of_two_writers_of_one_run_to_a_bucket_one_commits(
    store: ObjectStore,
    bucket: Warehouse,
    con: duckdb.DuckDBPyConnection,
    interrupted_by: Callable[[Callable[[], object]], None],
    *,
    existing: bool,
) -> None:
    def publish(sql: str, run_number: int) -> Publication:
        with duckdb.connect() as other:
            return bucket.publish("main.t", other.sql(sql), partition="p", run_number=run_number)

    if existing:
        publish("SELECT 1 AS a", run_number=1)
    interrupted_by(lambda: publish("SELECT 2 AS a", run_number=2))
    rows = con.sql("SELECT meanwhile(2) AS a")
    assert not bucket.publish("main.t", rows, partition="p", run_number=2).written
    assert values_of(store, bucket, "p") == [2]


def test_a_bucket_says_that_it_cannot_be_listed(
    bucket: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    with pytest.raises(WarehouseError, match=r"s3://bucket/tables cannot be listed.*Name the"):
        bucket.attach(con)
    with pytest.raises(WarehouseError, match=r"no table main\.t under s3://bucket/tables\. Check"):
        bucket.version("main.t")
