"""Run one day of the product reviews in a process and an Airflow of its own: `one_day.py HOME DAY`.

What it shares with others is the warehouse and the journal. Prints what each task returned, as the
last line.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

from airquery_airflow import testing


def main(home: Path, day: date) -> None:
    """Run the day and print its manifests."""
    dags = Path(__file__).parents[2] / "dags"
    testing.configure(home, dags_folder=dags)
    testing.create_database()
    dag = testing.load_dag(dags, "product_reviews")
    for task in dag.tasks:
        task.retries = 0
    ran = testing.run_day(dag, day)
    sys.stdout.write(f"\n{json.dumps({'tasks': ran.tasks, 'returned': ran.returned})}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), date.fromisoformat(sys.argv[2]))
