"""`airquery backfill`: run the days of a DAG from a shell or from CI, over Airflow's REST API.

Start at `command.py`. `days.py`, `outcome.py` and `price.py` decide and know no HTTP; `api.py` alone
asks; `sequence.py` puts both together. Nothing here imports Airflow: where CI runs it need not be.
"""
