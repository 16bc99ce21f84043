"""docker-compose.yml in a real engine: it becomes healthy, runs a DAG, and keeps its secrets apart.

Not collected by `make test`, because of its name: `make test-deploy` names it. What it took is
written to `build/deploy.json`.
"""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.deploy.beyond import REACH, Beyond
from tests.deploy.containers import ROOT, Containers


if TYPE_CHECKING:
    from collections.abc import Iterator

FIGURES = ROOT / "build" / "deploy.json"
DAG, DAY = "product_reviews", "2026-10-01"
LASTING = {
    "postgres",
    "redis",
    "airflow-apiserver",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    "airflow-worker",
    "serve",
}
ASKS_OTHERS = {"airflow-apiserver", "airflow-triggerer", "airflow-worker"}
SECRETS_OF_AIRFLOW = {
    "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
}
# Takes the journal's own address, and names Airflow's database instead.
OPEN_AIRFLOWS = """
import os, psycopg2
address = os.environ["AIRQUERY_JOURNAL"]
psycopg2.connect(address).close()
psycopg2.connect(address.rpartition("/")[0] + "/airflow")
"""

LIST_TABLES = """
import airquery
print(*airquery.Warehouse(airquery.Settings.read().warehouse).tables())
"""


@pytest.fixture(scope="module")
def containers() -> Iterator[Containers]:
    with Containers(from_debian="FROM_REGISTRY" not in os.environ) as containers:
        yield containers


@pytest.fixture(scope="module")
def beyond() -> Iterator[Beyond]:
    with Beyond() as beyond:
        yield beyond


@pytest.mark.parametrize("profile", ["debug", "gpu", "objects"])
def test_compose_reads_every_profile_and_starts_none_by_itself(
    containers: Containers, profile: str
) -> None:
    more = {"debug": "airflow-cli", "gpu": "vllm", "objects": "objects"}[profile]

    assert more in containers("--profile", profile, "config", "--services").split()
    assert more not in containers.containers()


def test_compose_refuses_to_start_without_a_secret(containers: Containers) -> None:
    for name in containers.secrets:
        said = containers.refused_without(name)
        assert f"{name} is not set, see the head of docker-compose.yml" in said


def answers(containers: Containers) -> int:
    """Count what the journal's database holds."""
    query = (
        "psql",
        "-U",
        "airflow",
        "-d",
        "airquery",
        "-tAc",
        "SELECT count(*) FROM airquery.answer",
    )
    return int(containers.inside("postgres", *query))


def test_a_dag_runs_through_celery_and_its_answers_are_kept_in_postgresql(
    containers: Containers,
) -> None:
    began = time.monotonic()
    assert containers.run_dag(DAG, partition=DAY) == "success"
    first = time.monotonic() - began
    kept = answers(containers)
    assert kept > 0

    began = time.monotonic()
    assert containers.run_dag(DAG, partition=DAY) == "success"

    assert answers(containers) == kept
    figures = {
        "seconds_of_the_first_run": round(first, 1),
        "seconds_of_the_second_run": round(time.monotonic() - began, 1),
        "answers": kept,
        "memory_mb": containers.memory_mb(),
    }
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def test_every_lasting_service_is_healthy_and_the_others_ended_well(containers: Containers) -> None:
    containers.wait_until_healthy()

    states = {name: one["State"] for name, one in containers.containers().items()}
    assert {name for name, state in states.items() if state["Running"]} == LASTING
    assert {state["ExitCode"] for name, state in states.items() if name not in LASTING} <= {0}


def test_a_worker_knows_no_secret_of_airflows_own(containers: Containers) -> None:
    names = set(re.findall(r"^(\w+)=", containers.inside("airflow-worker", "env"), re.MULTILINE))

    assert "AIRQUERY_JOURNAL" in names
    assert not names & SECRETS_OF_AIRFLOW
    said = containers.fails_inside("airflow-worker", "python", "-c", OPEN_AIRFLOWS)
    assert 'permission denied for database "airflow"' in said
    assert containers.secrets["AIRQUERY_JOURNAL_PASSWORD"] not in said


@pytest.mark.parametrize("service", sorted(LASTING - {"postgres", "redis"}))
def test_what_runs_is_nobody_special_and_changes_no_program(
    containers: Containers, service: str
) -> None:
    assert containers.inside(service, "id", "-u").strip() == "50000"
    change = ("touch", "/opt/venv/bin/activate")
    assert "Permission denied" in containers.fails_inside(service, *change)
    assert "Read-only file system" in containers.fails_inside(service, *change, user="root")
    assert "CapEff:\t0000000000000000" in containers.inside(service, "cat", "/proc/self/status")


@pytest.mark.usefixtures("beyond")
@pytest.mark.parametrize("service", sorted(LASTING))
def test_only_who_asks_others_reaches_beyond_the_project(
    containers: Containers, service: str
) -> None:
    expected = "reached" if service in ASKS_OTHERS else "not reached"

    assert containers.inside(service, *REACH).strip() == expected


def test_no_secret_stands_in_the_arguments_of_a_process(containers: Containers) -> None:
    shown = containers("top")

    assert "redis-server" in shown
    assert not re.search("[0-9a-f]{128}", shown)


def test_the_journals_role_can_be_made_again(containers: Containers) -> None:
    assert "ALTER ROLE" in containers("run", "--rm", "journal-init")


def test_the_warehouse_may_be_in_the_object_store_of_its_profile(containers: Containers) -> None:
    kept = answers(containers)
    containers.use_object_store()

    assert containers.run_dag(DAG, partition=DAY) == "success"

    tables = containers.inside("airflow-worker", "python", "-c", LIST_TABLES).split()
    assert {"reviews.answers", "reviews.opinions", "reviews.evaluation"} <= set(tables)
    assert answers(containers) == kept
