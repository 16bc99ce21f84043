"""Write days and take what is new, over and over, until it is killed: the reader of the tests.

`taker.py ROOT FIRST` writes day FIRST of `s.days`, takes it as the batch of that name, prints both,
and goes on with the next. A batch that was taken before it is not taken again.
"""

from __future__ import annotations

import itertools
import sys

import duckdb

from airquery.warehouse import Warehouse


def main(root: str, first: int) -> None:
    warehouse = Warehouse(root)
    for day in itertools.count(first):
        with duckdb.connect() as con:
            rows = con.sql(f"SELECT {day} AS day, i FROM range(3) AS r(i)")
            warehouse.publish("s.days", rows, partition=str(day), run_number=1)
            print("written", day, flush=True)  # noqa: T201 - how the test is told
            if warehouse.published("s.batches", str(day)) is None:
                advance = warehouse.attach_new(con, "s.days", target="s.batches")
                warehouse.publish(
                    "s.batches",
                    con.sql("FROM s.days"),
                    partition=str(day),
                    run_number=1,
                    advance=advance,
                )
            print("taken", day, flush=True)  # noqa: T201


main(sys.argv[1], int(sys.argv[2]))
