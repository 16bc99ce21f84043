"""The page about a run says what its records say, and says none where there is nothing."""

from __future__ import annotations

from dataclasses import replace

from airquery.planning.estimate import Span
from airquery.records import PlannedCost, SampleTable
from airquery.report import Page, Table, render, run_report
from airquery.report.page import Bars, Figures, Latencies, Nothing, Section, Throughput
from tests.records.samples import ATTEMPT, RUN, TASK, USAGE, attempt, run
from tests.report.test_page import HOSTILE, Parsed


SECTIONS = [
    "In short",
    "Tasks",
    "Endpoints",
    "How requests ended",
    "Errors",
    "How long answers took",
    "Requests as time went by",
    "Quarantine: a.c, by ask",
    "Validation",
    "Evaluation",
]


def section(page: Page, caption: str) -> Section:
    [found] = [one for one in page.sections if one.caption == caption]
    return found


def figures(page: Page) -> dict[str, tuple[str, str, str]]:
    found = section(page, "In short")
    assert isinstance(found, Figures)
    return {one.label: (one.value, one.detail, one.tone) for one in found.figures}


def table(page: Page, caption: str) -> Table:
    found = section(page, caption)
    assert isinstance(found, Table)
    return found


def test_a_task_has_all_that_its_records_say() -> None:
    page = run_report([ATTEMPT], [RUN], title="A run")

    assert [one.caption for one in page.sections] == SECTIONS
    assert page.lead == ["It began on 1970-01-01 00:00:10 UTC and took 3 s."]
    assert page.notes == ["a note"]
    assert figures(page) == {
        "Tasks": ("done", "", "good"),
        "Rows that asked": ("20", "20 written", ""),
        "Requests": ("10", "8 sent", ""),
        "From the journal": ("2", "20.0 % of the requests", ""),
        "Failed": ("1", "10.0 % of the requests", "bad"),
        "Tokens": ("150", "100 in, 50 out", ""),
        "Price": ("0.250000 EUR", "planned 0.500000 to 1.50 USD", ""),
        "Took": ("3 s", "", ""),
    }
    [row] = table(page, "Endpoints").rows
    assert row == ["llm", "m", 20, 10, 8, 2, 1, 0, 100, 50, "0.250000 EUR", None, "500 ms"]
    endings = section(page, "How requests ended")
    assert isinstance(endings, Bars)
    assert [(one.label, one.text) for one in endings.bars] == [
        ("answered by an endpoint", "7 (70.0 %)"),
        ("answered by the journal", "2 (20.0 %)"),
        ("C", "7 (70.0 %)"),
    ]
    assert table(page, "Errors").rows == [
        ["C", "llm", 7, "ask", "one\ntwo"],
        ["the task done", None, None, "ask", "an error"],
    ]
    latencies = section(page, "How long answers took")
    assert isinstance(latencies, Latencies)
    assert latencies.plot.description == "llm: 7 answers, median 150 ms, slowest 200 ms."
    rates = section(page, "Requests as time went by")
    assert isinstance(rates, Throughput)
    assert rates.plot.description.startswith("9 requests ended in 100 ms, 1 of them failed")
    quarantine = table(page, "Quarantine: a.c, by ask")
    assert list(quarantine.rows) == [("1", None), ("2", "<b>")]
    assert quarantine.note == "2 of 40 rows."
    assert section(page, "Validation") == Nothing(
        caption="Validation", note="none: no task checked expectations."
    )


def test_a_run_alone_has_no_sections_of_tasks_and_says_who_it_was() -> None:
    page = run_report([], [RUN], title="A run")

    assert [one.caption for one in page.sections] == [
        "In short",
        "Endpoints",
        "How requests ended",
        "Errors",
        "How long answers took",
        "Requests as time went by",
    ]
    assert page.lead[0].endswith(f"Run {RUN.id}, by a task of Airflow.")
    assert figures(page)["Runs"] == ("partial", "", "bad")
    assert ["the run was aborted", None, None, "ask", "an error"] in table(page, "Errors").rows


def test_where_nothing_was_asked_every_section_says_none() -> None:
    quiet = replace(ATTEMPT, runs=(), tables=(), error=None)

    page = run_report([quiet], [], title="A task")

    nothing = [one.caption for one in page.sections if isinstance(one, Nothing)]
    assert nothing == [
        "How requests ended",
        "How long answers took",
        "Requests as time went by",
        "Quarantine",
        "Validation",
        "Evaluation",
    ]
    assert table(page, "Errors").note == "none: nothing failed."
    assert figures(page)["Price"] == ("0", "no price was planned", "")
    texts = Parsed(render(page)).texts
    assert "none: no task sent rows to quarantine." in texts
    assert run_report([], [], title="None").lead == [
        "Nothing is recorded of it: it asked nothing, or it was before there were records."
    ]


def test_a_dag_run_is_as_good_as_the_last_try_of_its_worst_task() -> None:
    first = replace(attempt(1), state="failed", runs=())
    again = attempt(2, try_number=2)
    other = replace(attempt(3, task_id="check"), state="skipped", runs=())

    page = run_report([first, again, other], [run(1), run(2)], title="A DAG run")

    assert figures(page)["Tasks"] == ("skipped", "1 done, 1 skipped", "")
    assert [row[:3] for row in table(page, "Tasks").rows] == [
        ["ask", 1, "failed"],
        ["ask", 2, "done"],
        ["check", 1, "skipped"],
    ]
    assert [row[0] for row in table(page, "Runs").rows] == ["0" * 12, "0" * 12]


def test_a_retry_is_compared_with_the_first_plan_which_was_for_all_of_it() -> None:
    def planned(low: float) -> PlannedCost:
        return PlannedCost(
            endpoint="llm",
            input_tokens=Span(low=0.0, high=0.0),
            output_tokens=Span(low=0.0, high=0.0),
            price=Span(low=low, high=None),
            currency="EUR",
        )

    runs = [
        replace(run(1), estimate=(planned(2.0),)),
        replace(run(2), estimate=(planned(1.0),)),
        replace(run(3, map_index=1), estimate=(planned(4.0),)),
    ]

    page = run_report([], runs, title="Tries")

    assert figures(page)["Price"] == ("0.750000 EUR", "planned at least 6.00 EUR", "")
    [row] = table(page, "Endpoints").rows
    assert row[11] == "at least 6.00 EUR"


def test_a_thinned_run_weighs_as_much_as_it_has_answers() -> None:
    many = replace(
        run(1),
        usage=(replace(USAGE, sent=6_000, failed=0),),
        latencies_s={"llm": tuple(0.1 for _ in range(600))},
    )
    few = replace(
        run(2),
        usage=(replace(USAGE, sent=600, failed=0),),
        latencies_s={"llm": tuple(9.0 for _ in range(600))},
    )

    found = section(run_report([], [many, few], title="Two"), "How long answers took")

    assert isinstance(found, Latencies)
    assert found.plot.description == "llm: 6,600 answers, median 100 ms, slowest 9 s."
    assert found.seconds["llm"].count(0.1) == 545
    assert found.seconds["llm"].count(9.0) == 55


def test_hostile_text_is_data_wherever_it_stands() -> None:
    usage = replace(USAGE, endpoint=HOSTILE, model=HOSTILE, currency=HOSTILE)
    hostile = replace(
        RUN,
        usage=(usage,),
        failures=(replace(RUN.failures[0], condition=HOSTILE, samples=(HOSTILE,)),),
        latencies_s={HOSTILE: (0.1,)},
        notes=(HOSTILE,),
        error=HOSTILE,
    )
    shown = SampleTable(
        kind="evaluation", caption=HOSTILE, columns=(HOSTILE,), rows=((HOSTILE,),), total=1
    )
    task = replace(
        ATTEMPT,
        origin=replace(TASK, task_id=HOSTILE),
        state=HOSTILE,
        operator=HOSTILE,
        manifest={"table": HOSTILE, "rows": HOSTILE, "currency": HOSTILE},
        tables=(shown,),
        error=HOSTILE,
    )

    parsed = Parsed(render(run_report([task], [hostile], title=HOSTILE)))

    assert parsed.named("script") == parsed.named("img") == []
    assert all(not name.startswith("on") for _, given in parsed.elements for name in given)
    assert sum(HOSTILE in text for text in parsed.texts) > 10


def test_a_plot_can_be_read_without_its_colours_and_without_its_picture() -> None:
    parsed = Parsed(render(run_report([], [RUN], title="A run")))

    drawings = [one for one in parsed.named("svg") if one.get("role") == "img"]
    assert len(drawings) == 2
    assert all(one["aria-labelledby"] for one in drawings)
    assert len(parsed.named("pattern")) == 1
    assert all("style" not in given for _, given in parsed.elements)
