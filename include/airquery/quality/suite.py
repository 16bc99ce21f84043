"""Read a suite file: the JSON that Great Expectations itself writes for an ExpectationSuite.

Great Expectations is not imported here, because that takes seconds: what can be wrong with a suite
without looking at data is found where the suite is named, not where it is run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

import orjson

from airquery.errors import QualityError, suggestion
from airquery.quality.own_expectations import OWN_TYPES, check_own
from airquery.quality.result import SEVERITIES, Severity


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


CUSTOM_SQL = "unexpected_rows_expectation"

_SUITE_KEYS = {"expectations", "id", "meta", "name", "notes", "suite_parameters"}
_EXPECTATION_KEYS = {
    "description",
    "id",
    "kwargs",
    "meta",
    "notes",
    "rendered_content",
    "severity",
    "type",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One claim about a table, as the suite file words it."""

    type: str
    kwargs: Mapping[str, object]
    severity: Severity = "critical"
    meta: Mapping[str, object] = field(default_factory=dict)
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Named expectations, the values of their `$PARAMETER`s, and the file they came from.

    `key` names the columns that tell rows apart: `unexpected_index_column_names` of its `meta`.
    """

    name: str
    expectations: tuple[Expectation, ...]
    parameters: Mapping[str, object] = field(default_factory=dict)
    source: str = ""
    key: tuple[str, ...] = ()


def load_suite(path: Path) -> Suite:
    """Read a suite file.

    Raises `QualityError`, naming the file, the expectation and the mend, for a file that is
    missing or no JSON, for unknown keys, and for expectation types that the installed Great
    Expectations does not have.
    """
    where = f"Suite {path}"
    try:
        content = orjson.loads(path.read_bytes())
    except OSError as error:
        raise QualityError(f"{where} cannot be read: {error.strerror}. Check the path.") from error
    except orjson.JSONDecodeError as error:
        raise QualityError(f"{where} is no JSON: {error}.") from error
    suite = _mapping(where, content, _SUITE_KEYS)
    expectations = suite.get("expectations")
    if not isinstance(expectations, list) or not expectations:
        raise QualityError(f"{where}: 'expectations' must be a list with at least one expectation.")
    return Suite(
        name=_text(where, suite, "name"),
        expectations=tuple(
            _expectation(f"{where}, expectation {position}", item)
            for position, item in enumerate(expectations, start=1)
        ),
        parameters=_mapping(f"{where}, suite_parameters", suite.get("suite_parameters") or {}),
        source=str(path),
        key=_key(where, _mapping(f"{where}, meta", suite.get("meta") or {})),
    )


@cache
def known_types() -> frozenset[str]:
    """Name the installed expectation types; none if Great Expectations is not installed.

    They are the modules that its package of core expectations imports, and our own.
    """
    spec = find_spec("great_expectations")
    if spec is None or spec.origin is None:
        return frozenset()
    listing = Path(spec.origin).parent / "expectations" / "core" / "__init__.py"
    text = listing.read_text(encoding="utf-8") if listing.is_file() else ""
    found = re.findall(r"^from \S*\.(\w*expect\w*) import", text, re.MULTILINE)
    return OWN_TYPES.union(found) if found else frozenset()


def _expectation(where: str, content: object) -> Expectation:
    item = _mapping(where, content, _EXPECTATION_KEYS)
    kind = _text(where, item, "type")
    types = known_types()
    if types and kind not in types:
        raise QualityError(f"{where}: there is no expectation {kind!r}. {suggestion(kind, types)}")
    wanted = item.get("severity") or "critical"
    severity = next((severity for severity in SEVERITIES if severity == wanted), None)
    if severity is None:
        raise QualityError(f"{where}: severity {wanted!r} is none of {', '.join(SEVERITIES)}.")
    description = item.get("description")
    kwargs = _mapping(f"{where}, kwargs", item.get("kwargs") or {})
    if kind == CUSTOM_SQL:
        _check_query(where, kwargs.get("unexpected_rows_query"))
    try:
        check_own(kind, kwargs)
    except QualityError as error:
        raise QualityError(f"{where}: {error}") from error
    return Expectation(
        type=kind,
        kwargs=kwargs,
        severity=severity,
        meta=_mapping(f"{where}, meta", item.get("meta") or {}),
        description=None if description is None else str(description),
    )


def _key(where: str, meta: Mapping[str, object]) -> tuple[str, ...]:
    names = meta.get("unexpected_index_column_names") or []
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise QualityError(
            f"{where}: 'unexpected_index_column_names' must be a list of names of columns."
        )
    return tuple(names)


def _check_query(where: str, query: object) -> None:
    """Refuse SQL that cannot be formatted: `{batch}` is the only thing to fill in."""
    try:
        fields = {name for _, name, _, _ in Formatter().parse(str(query)) if name is not None}
    except ValueError:
        fields = set()
    if fields != {"batch"}:
        raise QualityError(
            f"{where}: 'unexpected_rows_query' must select from {{batch}}, and any other brace in "
            "it must be doubled: {{ and }}."
        )


def _mapping(where: str, content: object, keys: Iterable[str] | None = None) -> dict[str, object]:
    """Narrow JSON to an object that has no other keys than these."""
    if not isinstance(content, dict):
        raise QualityError(f"{where} must be a JSON object.")
    unknown = sorted(content.keys() - set(keys)) if keys is not None else []
    if keys is not None and unknown:
        raise QualityError(f"{where}: unknown key {unknown[0]!r}. {suggestion(unknown[0], keys)}")
    return content


def _text(where: str, content: Mapping[str, object], key: str) -> str:
    value = content.get(key)
    if not isinstance(value, str) or not value:
        raise QualityError(f"{where}: {key!r} must be a text.")
    return value
