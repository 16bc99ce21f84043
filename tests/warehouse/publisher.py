"""Publish what the first argument orders: the writer in another process, for the tests.

It says `ready`, waits for a line, and then prints each publication as JSON. The SQL may call
`pause(x)`, which says `paused` and never returns.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from threading import Event

import duckdb

from airquery.warehouse import Warehouse


def pause(value: int) -> int:
    print("paused", flush=True)  # noqa: T201 - how the test is told
    Event().wait()
    return value


def main() -> None:
    order = json.loads(sys.argv[1])
    warehouse = Warehouse(order["root"])
    con = duckdb.connect()
    con.create_function("pause", pause, ["BIGINT"], "BIGINT")
    print("ready", flush=True)  # noqa: T201
    sys.stdin.readline()
    for run_number in order["run_numbers"]:
        done = warehouse.publish(
            order["table"],
            con.sql(order["sql"]),
            partition=order["partition"],
            run_number=run_number,
        )
        print(json.dumps(asdict(done)), flush=True)  # noqa: T201


main()
