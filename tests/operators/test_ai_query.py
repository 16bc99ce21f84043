from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airquery.testing import EndpointServer, Reply
from airquery_airflow import AIQueryOperator, TransformOperator
from tests.operators.conftest import task_instance


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.operators.conftest import Execute, Recorded, Rows

ASK = "SELECT n, ai_query('llm', 'Say ' || n, failOnError => {strict}) AS said FROM (SELECT unnest(range(3)) AS n)"
LENIENT = ASK.format(strict="false")
STRICT = ASK.format(strict="true")


@pytest.fixture
def server() -> Iterator[EndpointServer]:
    with EndpointServer() as server:
        yield server


def declare(monkeypatch: pytest.MonkeyPatch, server: EndpointServer, **fields: object) -> None:
    """Declare the endpoint `llm` in the environment."""
    declared = {"task": "chat", "base_url": f"{server.url}/v1", "model": "m", **fields}
    monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(declared))


def ask(sql: str = STRICT, **given: Any) -> AIQueryOperator:
    return AIQueryOperator(task_id="ask", sql=sql, table="s.answers", **given)


def test_answers_are_a_table_and_the_counts_a_manifest(
    execute: Execute, rows: Rows, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(monkeypatch, server, price={"input_per_million": 1_000_000, "currency": "EUR"})

    returned = execute(ask())

    assert rows("SELECT n, said FROM s.answers ORDER BY n") == [
        (0, "Say 0"),
        (1, "Say 1"),
        (2, "Say 2"),
    ]
    assert returned == {
        "table": "s.answers",
        "partition": "2026-10-03",
        "version": 0,
        "rows": 3,
        "requests_sent": 3,
        "from_journal": 0,
        "failed": 0,
        "quarantined": 0,
        "prompt_tokens": 6,
        "completion_tokens": 6,
        "price": 6.0,
        "currency": "EUR",
        "outcome": "complete",
    }


def test_a_second_run_asks_nothing_and_writes_the_same(
    execute: Execute, rows: Rows, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(monkeypatch, server)
    execute(ask())
    first = rows("SELECT n, said FROM s.answers ORDER BY n")

    returned = execute(ask())

    assert (returned["requests_sent"], returned["from_journal"]) == (0, 3)
    assert server.count == 3
    assert rows("SELECT n, said FROM s.answers ORDER BY n") == first


def test_a_failing_row_is_a_row_with_its_reason(
    execute: Execute,
    rows: Rows,
    server: EndpointServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    declare(monkeypatch, server)
    server.fail_when(lambda body: "Say 1" in str(body), Reply(status=400))

    with caplog.at_level(logging.WARNING):
        returned = execute(ask(LENIENT))

    found = rows("SELECT n, said.result, said.errorMessage FROM s.answers ORDER BY n")
    assert [(n, result) for n, result, _ in found] == [(0, "Say 0"), (1, None), (2, "Say 2")]
    assert "AI_FUNCTION_HTTP_REQUEST_ERROR" in found[1][2]
    assert (returned["failed"], returned["outcome"]) == (1, "partial")
    (said,) = [line for line in caplog.messages if "requests failed" in line]
    assert said.startswith(
        "1 requests failed with AI_FUNCTION_HTTP_REQUEST_ERROR, the first with: Endpoint 'llm' "
        "answered with HTTP 400"
    )


def test_a_failing_row_that_must_not_fail_fails_the_task_at_once(
    execute: Execute, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(monkeypatch, server)
    server.fail_when(lambda body: "Say 1" in str(body), Reply(status=400))

    with pytest.raises(AirflowFailException, match=r"AI_FUNCTION_HTTP_REQUEST_ERROR.*failOnError"):
        execute(ask(STRICT))


def test_an_endpoint_that_is_down_is_left_to_airflows_retries_which_pay_only_for_the_rest(
    execute: Execute, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(monkeypatch, server, limits={"max_attempts": 1, "concurrency": 1})
    server.script(Reply(), Reply(), Reply(status=503))

    with pytest.raises(AirflowException, match="503") as caught:
        execute(ask(STRICT))
    returned = execute(ask(STRICT))

    assert not isinstance(caught.value, AirflowFailException)
    assert (returned["requests_sent"], returned["from_journal"]) == (1, 2)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT ai_query('lm', 'Hi')", "Endpoint 'lm' is not registered. Did you mean 'llm'"),
        ("SELECT ai_query('llm', 'Hi', returnTyp => 'INT')", "returnTyp"),
        ("SELECT ai_query('llm', 'Hi', returnType => 'NUMBR')", "NUMBR"),
        ("SELECT ai_query('llm', nothing) FROM range(3)", "nothing"),
        ("SELEC ai_query('llm', 'Hi')", "SELEC"),
    ],
)
def test_a_statement_that_cannot_run_fails_at_once_and_asks_nothing(
    execute: Execute,
    server: EndpointServer,
    monkeypatch: pytest.MonkeyPatch,
    sql: str,
    said: str,
) -> None:
    declare(monkeypatch, server)

    with pytest.raises(AirflowFailException) as caught:
        execute(ask(sql))

    assert said in str(caught.value)
    assert server.count == 0


def test_an_endpoint_may_be_an_airflow_connection(
    execute: Execute, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EndpointServer(api_key="sk-key-of-the-connection") as server:
        connection = {
            "conn_type": "airquery_endpoint",
            "host": f"{server.url}/v1",
            "password": "sk-key-of-the-connection",
            "extra": {"model": "m"},
        }
        monkeypatch.setenv("AIRFLOW_CONN_LLM", json.dumps(connection))
        returned = execute(ask())

    assert returned["requests_sent"] == 3
    assert rows("SELECT count(said) FROM s.answers") == [(3,)]


def test_the_endpoint_file_goes_before_a_connection(
    execute: Execute, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(monkeypatch, server)
    monkeypatch.setenv("AIRFLOW_CONN_LLM", '{"conn_type": "http", "host": "http://127.0.0.1:9"}')

    assert execute(ask())["requests_sent"] == 3
    assert server.count == 3


def test_the_name_of_the_endpoint_may_come_from_a_parameter(
    execute: Execute, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(monkeypatch, server)
    sql = "SELECT ai_query('{{ params.llm }}', 'Hi') AS hi"

    assert execute(ask(sql), params={"llm": "llm"})["requests_sent"] == 1


def test_the_log_says_now_and_then_how_far_it_is(
    execute: Execute,
    server: EndpointServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    declare(monkeypatch, server)

    with caplog.at_level(logging.INFO):
        execute(ask(progress_every_s=0))

    (*_, last) = [line for line in caplog.messages if "requests answered" in line]
    assert last.startswith("3 of 3 requests answered: 3 sent, 0 from the journal, 0 failed, 0.0000")
    assert not [line for line in caplog.messages if "Say 1" in line]


def test_a_killed_task_stops_asking_and_writes_nothing(
    rows: Rows, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = threading.Event()

    def answer(_: object) -> Reply:
        asked.set()
        return Reply(body={}, after_s=600)

    with EndpointServer(answer=answer) as server:
        declare(monkeypatch, server)
        task = ask(partition="2026-10-03")
        caught: list[BaseException] = []

        def run() -> None:
            try:
                task.execute({"ti": task_instance()})  # type: ignore[typeddict-item]
            except AirflowException as error:
                caught.append(error)

        running = threading.Thread(target=run)
        running.start()
        assert asked.wait(timeout=60)
        task.on_kill()
        running.join(timeout=60)

        assert not running.is_alive()
        assert server.count <= 3
    assert "was cancelled" in str(caught[0])
    assert not isinstance(caught[0], AirflowFailException)
    [record] = recorded()
    assert (record.state, "was cancelled" in str(record.error)) == ("failed", True)
    with pytest.raises(Exception, match=r"s\.answers|schema"):
        rows("SELECT * FROM s.answers")


def test_databricks_sql_with_widgets_markers_and_a_catalog_reads_the_warehouse(
    execute: Execute, rows: Rows, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(monkeypatch, server)
    execute(
        TransformOperator(
            task_id="a", sql="SELECT 'it''s ' || n AS text FROM range(3) AS r(n)", table="s.docs"
        )
    )
    sql = """
        SELECT text, ai_query("${endpoint}", concat(:prompt, text)) AS said -- ${nothing}; :said
        FROM main.s.docs JOIN s.docs AS again USING (text) WHERE docs.partition_key = '{{ ds }}' LIMIT 2;
    """

    returned = execute(
        ask(
            sql,
            dialect="databricks",
            variables={"endpoint": "llm", "prompt": "{{ ds }}'s: "},
        )
    )

    found = rows("SELECT text, said FROM s.answers ORDER BY text")
    assert len(found) == returned["requests_sent"] == server.count == 2
    assert all(said == f"2026-10-03's: {text}" for text, said in found)


def test_databricks_sql_that_is_no_single_select_fails_at_once(execute: Execute) -> None:
    with pytest.raises(AirflowFailException, match="must be one SELECT"):
        execute(ask("SELECT 1; SELECT 2", dialect="databricks"))
    with pytest.raises(AirflowFailException, match=r"No value for \$\{a\}"):
        execute(ask("SELECT ${a}", dialect="databricks"))
    with pytest.raises(AirflowException, match=r"no catalog 'main' for main\.s\.nothing"):
        execute(ask("SELECT * FROM main.s.nothing", dialect="databricks"))
