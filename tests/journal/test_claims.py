"""What claims do when their database does not take them."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

from airquery.journal.sqlite_store import SqliteJournal
from tests.journal.records import KEYS


if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_release_that_cannot_be_written_is_tried_again_without_haste(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    journal.claim(KEYS[:1])
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("DROP TABLE claim")
    journal.release(KEYS[:1])
    time.sleep(0.3)
    journal.close()

    assert 1 <= caplog.text.count("claims not written, trying again") <= 3
