"""A Delta table from anywhere, as it is or was, into one partition of a table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowFailException

from airquery_airflow.ingest_task import IngestTask, Origin


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery_airflow.session import Session


class IngestDeltaOperator(IngestTask):
    """Read any Delta table into a partition.

    Args:
        uri: Its folder, or its URL in an object store.
        version: The version to read; the newest unless given.
        timestamp: A time with its zone, in ISO 8601: the table is read as it was then.
        storage_conn_id: An Airflow connection whose extra holds what the object store needs: keys,
            region, endpoint, as delta-rs calls them.
    """

    template_fields: Sequence[str] = (
        *IngestTask.template_fields,
        "uri",
        "version",
        "timestamp",
        "storage_conn_id",
    )

    def __init__(
        self,
        *,
        uri: str,
        version: int | str | None = None,
        timestamp: str | None = None,
        storage_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.uri = uri
        self.version = version
        self.timestamp = timestamp
        self.storage_conn_id = storage_conn_id

    def read(self, session: Session) -> Origin:
        """Make `source` of the table."""
        from airquery.warehouse.foreign import create_view  # noqa: PLC0415

        self.lineage.reads(self.uri)
        version = create_view(
            session.connection, self.uri, at=self._at(), storage_options=self._storage_options()
        )
        return Origin(said=f"version {version} of {self.uri}")

    def _at(self) -> int | datetime | None:
        given = {None, "", "None"}
        version = None if self.version in given else str(self.version)
        timestamp = None if self.timestamp in given else str(self.timestamp)
        if version is not None and timestamp is not None:
            raise AirflowFailException("Give a version or a timestamp, not both.")
        try:
            if version is not None:
                return int(version)
            when = None if timestamp is None else datetime.fromisoformat(timestamp)
        except ValueError as error:
            raise AirflowFailException(
                f"{version or timestamp!r} is no version and no time in ISO 8601: {error}."
            ) from error
        if when is not None and when.tzinfo is None:
            raise AirflowFailException(
                f"The timestamp {timestamp!r} has no zone. Write it with one."
            )
        return None if when is None else when.astimezone(UTC)

    def _storage_options(self) -> Mapping[str, str] | None:
        if self.storage_conn_id is None:
            return None
        extra = BaseHook.get_connection(self.storage_conn_id).extra_dejson
        return {str(name): str(value) for name, value in extra.items()}
