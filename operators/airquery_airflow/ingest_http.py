"""What an HTTP interface answers, page by page, into one partition of a table."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from airquery.endpoints.redaction import address
from airquery_airflow.http_source import source_of
from airquery_airflow.ingest_task import IngestTask, Origin


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery.execute.pages import Pages
    from airquery_airflow.formats import Format
    from airquery_airflow.session import Session


log = logging.getLogger(__name__)

_VALIDATORS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}


class IngestHTTPOperator(IngestTask):
    """Read what an HTTP interface answers into a partition, all its pages or none.

    Faults of the server and of the way to it are retried with growing waits. An answer of one page
    is asked for only if it changed since this partition was written, where the server can tell
    (ETag, Last-Modified): if not, the partition and its manifest stay as they are.

    Args:
        url: The address, or with `http_conn_id` its path and query.
        http_conn_id: An Airflow connection with the host, and with headers or a login for it.
        headers: Further headers.
        pagination: Where the next page is: "link" (the Link header), {"next": "/json/pointer"}
            (an address in the answer; with "parameter": "cursor", a value for that parameter of
            the query), {"page": "page", "first": 1} or {"offset": "offset", "first": 0} (numbers
            in the query, until a page has no rows).
        records: The JSON pointer to the rows of an answer, such as "/data/items".
        format: What a page is: json unless given.
        columns: Names and types, if they are not to be found out.
        options: Options of DuckDB's reader.
        max_pages: With more pages the task fails.
        max_bytes: With more bytes, of all pages, the task fails.
        conditional: Ask only for what changed. It is not, where `sql` reads tables beside `source`.
    """

    template_fields: Sequence[str] = (
        *IngestTask.template_fields,
        "url",
        "http_conn_id",
        "headers",
        "pagination",
    )

    def __init__(
        self,
        *,
        url: str,
        http_conn_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        pagination: str | Mapping[str, Any] | None = None,
        records: str | None = None,
        format: Format = "json",  # noqa: A002 - what every reader calls it
        columns: Mapping[str, str] | None = None,
        options: Mapping[str, object] | None = None,
        max_pages: int = 1_000,
        max_bytes: int = 1 << 30,
        conditional: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.url = url
        self.http_conn_id = http_conn_id
        self.headers = headers
        self.pagination = pagination
        self.records = records
        self.format: Format = format
        self.columns = columns
        self.options = options
        self.max_pages = max_pages
        self.max_bytes = max_bytes
        self.conditional = conditional

    def read(self, session: Session) -> Origin | None:
        """Make `source` of all pages; None if the server says that nothing changed."""
        from airquery.execute.pages import Download  # noqa: PLC0415
        from airquery.execute.paging import Paging  # noqa: PLC0415

        source = source_of(self.url, self.http_conn_id, self.headers or {})
        self.lineage.reads(address(source.url))
        conditional = self.conditional and not self.pagination and session.tables_of(self.sql) == []
        pages = Download(
            url=source.url,
            folder=session.folder,
            headers={**source.headers, **(self._condition(session) if conditional else {})},
            paging=Paging.read(self.pagination) if self.pagination else None,
            records=self.records,
            suffix=f".{self.format}",
            max_pages=self.max_pages,
            max_bytes=self.max_bytes,
        ).run(session.cancel)
        if pages is None:
            log.info("%s did not change: the partition stays as it is.", address(source.url))
            return None
        self._create_source(session, pages, where=address(source.url))
        notes = self._notes(pages) if conditional else {}
        return Origin(said=f"{pages.pages} pages of {address(source.url)}", notes=notes)

    def _create_source(self, session: Session, pages: Pages, *, where: str) -> None:
        from airquery_airflow.reader import Reader  # noqa: PLC0415

        if pages.files:
            Reader(
                sources=[str(file) for file in pages.files],
                format=self.format,
                columns=self.columns,
                options=self.options or {},
            ).create_view(session.connection, folder=session.folder)
        elif self.columns:
            session.create_empty_source(self.columns)
        else:
            raise AirflowFailException(
                f"{where} answered without rows, so their columns are not "
                "known. Declare columns if no rows are an answer."
            )

    def _condition(self, session: Session) -> dict[str, str]:
        """Ask for what changed since the rows of the partition, if this task wrote them."""
        noted = session.warehouse.notes(self.table, self.partition)
        if noted.get("asked") != self._asked():
            return {}
        return {header: noted[name] for name, header in _VALIDATORS.items() if noted.get(name)}

    def _notes(self, pages: Pages) -> dict[str, str]:
        found = {name: pages.headers[name] for name in _VALIDATORS if name in pages.headers}
        return {**found, "asked": self._asked()} if found else {}

    def _asked(self) -> str:
        """Tell apart what would make other rows; the connection's headers hold secrets."""
        parts = (self.url, self.http_conn_id, self.records, self.format, self.sql)
        text = json.dumps([*parts, self.headers, self.columns, self.options], default=str)
        return hashlib.sha256(text.encode()).hexdigest()
