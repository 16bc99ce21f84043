"""`make audit`: what stops it, what does not, and what it does without a network."""

from __future__ import annotations

import json
import runpy
from datetime import date
from pathlib import Path
from typing import Any

import pytest


SCRIPT = Path(__file__).parents[1] / ".ci" / "audit.py"
AUDIT: dict[str, Any] = runpy.run_path(str(SCRIPT))
REPORT = {
    "dependencies": [
        {"name": "sound", "version": "1.0", "vulns": []},
        {"name": "left-out", "skip_reason": "not found"},
        {
            "name": "leaky",
            "version": "2.0",
            "vulns": [
                {"id": "GHSA-1", "aliases": ["CVE-1"], "fix_versions": ["2.1", "3.0"]},
                {"id": "GHSA-2", "aliases": [], "fix_versions": []},
            ],
        },
    ]
}
ACCEPTED = """
[[accepted]]
id = "CVE-1"
reason = "Nothing here parses mail."
until = 2026-12-31
"""


def test_every_vulnerability_that_nobody_accepted_is_named() -> None:
    assert AUDIT["problems"](REPORT, [], date(2026, 1, 1)) == [
        "leaky 2.0: GHSA-1, mended in 2.1, 3.0",
        "leaky 2.0: GHSA-2, mended in no version yet",
    ]


@pytest.mark.parametrize(("today", "left"), [(date(2026, 12, 31), 1), (date(2027, 1, 1), 2)])
def test_an_accepted_one_is_passed_over_until_its_day(today: date, left: int) -> None:
    known = AUDIT["accepted"](ACCEPTED)

    assert len(AUDIT["problems"](REPORT, known, today)) == left


@pytest.mark.parametrize("line", ['reason = "Nothing here parses mail."', "until = 2026-12-31"])
def test_none_is_accepted_without_a_reason_and_a_day(line: str) -> None:
    with pytest.raises(ValueError, match="wants an id, a reason and a day"):
        AUDIT["accepted"](ACCEPTED.replace(line, ""))


def test_the_list_of_the_repository_can_be_read() -> None:
    assert isinstance(AUDIT["accepted"](AUDIT["ACCEPTED"].read_text(encoding="utf-8")), list)


@pytest.mark.parametrize(
    ("stdout", "stderr", "code", "said"),
    [
        (
            "",
            "requests.exceptions.ConnectionError: no such host",
            0,
            "audit: not done, the database",
        ),
        ("", "requests.exceptions.ReadTimeout: 10", 0, "audit: not done, the database"),
        ("", "No module named pip_audit", 2, "audit: pip-audit failed: No module named pip_audit"),
        ("", "", 2, "audit: pip-audit failed: it said nothing"),
        ('{"dependencies": []}', "", 0, "audit: 0 packages, 0 known vulnerabilities"),
        (json.dumps(REPORT), "Found 2", 1, "audit: leaky 2.0: GHSA-1, mended in 2.1, 3.0"),
    ],
)
def test_it_fails_for_what_is_found_and_passes_where_nobody_can_be_asked(
    stdout: str, stderr: str, code: int, said: str
) -> None:
    ended, text = AUDIT["outcome"](stdout, stderr, [], date(2026, 1, 1))

    assert ended == code
    assert text.startswith(said)
