"""The page of what was asked and paid."""

from __future__ import annotations

import csv
import io
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.execute.budget import OF_ENDPOINT
from airquery.execute.ledger import EndpointUsage
from airquery.journal.opening import open_journal
from airquery.journal.spent import Spent, utc_day
from airquery.records import Origin, RunRecord, records_of


if TYPE_CHECKING:
    from pathlib import Path

    from tests.operators.ui.conftest import Browse

pytestmark = pytest.mark.usefixtures("known_dags")

HOSTILE = "<script>alert(1)</script>{{7*7}}"


def usage(endpoint: str = "llm", **figures: Any) -> EndpointUsage:
    known: dict[str, Any] = {
        "model": "m",
        "rows": 12,
        "requests": 10,
        "sent": 7,
        "from_journal": 3,
        "failed": 1,
        "not_asked": 0,
        "prompt_tokens": 1_200,
        "completion_tokens": 300,
        "cached_tokens": 0,
        "reasoning_tokens": 0,
        "price": 0.25,
        "currency": "EUR",
        "latency_p50_s": 0.1,
        "latency_p95_s": 0.2,
    }
    return EndpointUsage(endpoint=endpoint, **{**known, **figures})


def remember(
    *asked: EndpointUsage, dag_id: str | None = "open_reviews", task_id: str = "ask", days: int = 0
) -> None:
    """Keep a run of so many days ago."""
    ended_at = time.time() - days * 86_400
    origin = Origin(source="airflow", dag_id=dag_id, run_id="r", task_id=task_id)
    records_of(airquery.Settings.read()).add_run(
        RunRecord(
            id=f"{time.time_ns():032x}",
            began_at=ended_at - 1,
            ended_at=ended_at,
            outcome="complete",
            origin=origin if dag_id else Origin(source="cli"),
            usage=asked,
        )
    )


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_what_was_asked_is_told_by_endpoint_task_and_day_with_its_price(browse: Browse) -> None:
    remember(usage(), usage("other", price=0.5, currency="USD"))
    remember(usage(), days=1)
    remember(usage(price=9.0), days=40)

    page = browse("/usage")

    today, yesterday = (str(utc_day(time.time() - back)) for back in (0, 86_400))
    assert page.status_code == 200
    assert "0.500000 EUR + 0.500000 USD" in page.text
    assert "0.500000 EUR in 30 days, most on" in page.text
    assert "14 requests in 30 days" not in page.text
    assert "21 requests in 30 days, most on " + today + " with 14." in page.text
    assert page.text.index(f"<td>{today}</td>") < page.text.index(f"<td>{yesterday}</td>")
    assert "<td>open_reviews</td><td>ask</td>" in page.text.replace("\n", "")
    assert "9.50 EUR" in browse("/usage?days=90").text


def test_the_file_has_a_line_for_each_day_task_and_endpoint(browse: Browse) -> None:
    remember(usage())
    remember(usage())
    remember(usage("=HYPERLINK(1)"), task_id="@mapped")

    page = browse("/usage.csv")

    known = {
        "day": str(utc_day(time.time())),
        "dag_id": "open_reviews",
        "model": "m",
        "not_asked": "0",
        "currency": "EUR",
    }
    assert page.headers["content-disposition"].startswith('attachment; filename="ai-usage-2')
    assert [{**row, **known} for row in table(page.text)] == table(page.text)
    assert [
        tuple(row[name] for name in ("task_id", "endpoint", "runs", "rows", "sent", "price"))
        for row in sorted(table(page.text), key=lambda row: row["endpoint"])
    ] == [
        ("'@mapped", "'=HYPERLINK(1)", "1", "12", "7", "0.25"),
        ("ask", "llm", "2", "24", "14", "0.5"),
    ]


def test_one_endpoint_or_one_dag_can_be_asked_for(browse: Browse) -> None:
    remember(usage(), usage("other"))
    remember(usage(), dag_id="open_tickets")

    def seen(query: str) -> list[tuple[str, str]]:
        return sorted((row["dag_id"], row["endpoint"]) for row in table(browse(query).text))

    assert seen("/usage.csv?endpoint=other") == [("open_reviews", "other")]
    assert seen("/usage.csv?dag=open_tickets") == [("open_tickets", "llm")]
    assert seen("/usage.csv?dag=none") == []
    assert "<option selected>other</option>" in browse("/usage?endpoint=other").text


def test_what_a_user_may_not_read_is_neither_shown_nor_counted_and_the_page_says_so(
    browse: Browse,
) -> None:
    remember(usage())
    remember(usage(price=3.0), dag_id="secret_plans")
    remember(usage(price=5.0), dag_id=None)

    def dags(user: str) -> list[str]:
        return sorted(row["dag_id"] for row in table(browse("/usage.csv", user=user).text))

    assert dags("ada") == ["", "open_reviews", "secret_plans"]
    assert dags("bob") == ["open_reviews", "secret_plans"]
    assert dags("ann") == ["open_reviews"]
    of_ada, of_ann = (browse("/usage", user=user).text for user in ("ada", "ann"))
    assert ("8.25 EUR" in of_ada, "Something is hidden" in of_ada) == (True, False)
    assert ("0.250000 EUR" in of_ann, "Something is hidden" in of_ann) == (True, True)
    assert "secret_plans" not in of_ann


def test_what_airflow_knows_no_more_is_seen_like_what_has_no_dag(browse: Browse) -> None:
    remember(usage(), dag_id="open_gone")

    assert [row["dag_id"] for row in table(browse("/usage.csv", user="ada").text)] == ["open_gone"]
    assert table(browse("/usage.csv", user="ann").text) == []


def test_who_is_not_logged_in_sees_nothing(browse: Browse) -> None:
    for address in ("/usage", "/usage.csv", "/usage.html"):
        page = browse(address, user=None)
        assert (page.status_code, "You are not logged in" in page.text) == (401, True)


def test_the_file_of_the_page_needs_no_server_and_lets_nothing_run(browse: Browse) -> None:
    remember(usage(HOSTILE), dag_id=f"open_{HOSTILE}", task_id=HOSTILE)

    for address in ("/usage", "/usage.html"):
        page = browse(address, user="ada")
        assert page.status_code == 200
        assert "<script" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in page.text
    assert "default-src &#39;none&#39;" not in page.text
    assert "content=\"default-src 'none'; style-src 'nonce-" in page.text
    assert "<form" not in page.text
    assert "http" not in page.text.replace("http-equiv", "")


def test_today_tells_what_is_left_of_an_endpoints_budget_and_what_dags_spent(
    browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = {
        "task": "chat",
        "base_url": "http://127.0.0.1:9/v1",
        "model": "m",
        "price": {"input_per_million": 1, "currency": "EUR"},
        "budget": {"per_day": {"requests": 1000, "money": 5.0}},
    }
    monkeypatch.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(declared))
    remember(usage())
    journal = open_journal(airquery.Settings.read().journal)
    journal.spend(
        utc_day(time.time()),
        [
            Spent(OF_ENDPOINT + "llm", "EUR", 250, 9_000, 1.25),
            Spent("dag:open_reviews", "EUR", 40, 800, 0.5),
            Spent("dag:secret_plans", "EUR", 7, 7, 7.0),
        ],
        alone=True,
    )
    journal.close()

    page = browse("/usage", user="ann").text

    assert "250 of 1,000, 750 left" in page
    assert "1.2500 of 5, 3.7500 left" in page
    assert "0.500000 EUR" in page
    assert "secret_plans" not in page


def test_records_that_cannot_be_read_are_said_to_be_without_where_they_are(
    home: Path, browse: Browse
) -> None:
    nothing = browse("/usage")
    home.mkdir()
    (home / "usage.db").write_bytes(
        b"no database, but enough bytes to look like a file of one" * 99
    )
    broken = browse("/usage")

    assert "Nothing was asked in these days, as far as this API server sees." in nothing.text
    assert broken.status_code == 200
    assert "This API server cannot read what was asked: AIRQUERY_JOURNAL" in broken.text
    assert str(home) not in broken.text


def test_a_span_that_is_none_is_refused_in_words(browse: Browse) -> None:
    page = browse("/usage?days=0")

    assert (page.status_code, "days" in page.text) == (422, True)
