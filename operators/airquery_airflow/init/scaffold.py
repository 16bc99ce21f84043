"""The files of a pipeline, as text: what is made of the templates for a name and a table."""

from __future__ import annotations

import json
import keyword
import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from airquery import quoting
from airquery.errors import InvalidSetting
from airquery_airflow.init.source import SAMPLE, Source


if TYPE_CHECKING:
    import jinja2


_TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_MADE: Final = {
    "dag.py.j2": "dags/{name}.py",
    "about.md.j2": "dags/{name}.md",
    "ingest.sql.j2": "sql/{name}/ingest.sql",
    "prepare.sql.j2": "sql/{name}/prepare.sql",
    "ask.sql.j2": "sql/{name}/ask.sql",
    "suite.json.j2": "include/expectations/{name}.json",
    "test.py.j2": "tests/test_{name}.py",
}


def check_name(name: str) -> None:
    """Refuse what cannot name a DAG, its module and the schema of its tables."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise InvalidSetting(
            f"{name!r} cannot name a pipeline. Take lower-case letters, digits and underscores, a "
            "letter first, at most 40, and no word of Python, such as 'support_tickets'."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaffold:
    """A pipeline that is to be made: its name, the project's folder, whom it asks, about what."""

    name: str
    root: Path
    endpoint: str
    source: Source

    def files(self) -> dict[PurePosixPath, str]:
        """Return the text of every file by its path in the project."""
        templates = _environment()
        given = {
            "name": self.name,
            "endpoint": self.endpoint,
            "source": self.source,
            "sample": self._sample,
            "path": self._data,
        }
        files = {
            PurePosixPath(path.format(name=self.name)): templates.get_template(template).render(
                given
            )
            for template, path in _MADE.items()
        }
        if self._sample:
            files[PurePosixPath(self._data)] = SAMPLE.read_text(encoding="utf-8")
        return files

    def next_commands(self, endpoints: Path) -> list[str]:
        """Return what to do next: the test, the price, a day."""
        day, shown = self.source.first_day, shlex.quote(_below(endpoints, self.root))
        places = f"AIRFLOW__CORE__DAGS_FOLDER=$PWD/dags AIRQUERY_ENDPOINTS={shown}"
        return [
            f"python -m pytest tests/test_{self.name}.py",
            f"airquery endpoints test {self.endpoint} --endpoints {shown}",
            f"{places} airflow dags test {self.name} {day}",
        ]

    @property
    def _sample(self) -> bool:
        return self.source.file == SAMPLE

    @property
    def _data(self) -> str:
        """Return the file of the rows, from the project's folder if it is in it."""
        if self._sample:
            return f"include/data/{self.name}/{SAMPLE.name}"
        return _below(self.source.file, self.root)


def _below(file: Path, root: Path) -> str:
    absolute = file.expanduser().absolute()
    return absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else str(absolute)


def _environment() -> jinja2.Environment:
    """Return what renders the templates; their marks are not those that Airflow renders later."""
    import jinja2

    made = jinja2.Environment(  # noqa: S701 - these are programs, not pages
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        keep_trailing_newline=True,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters |= {"identifier": _identifier, "python": _python}
    return made


def _identifier(name: str) -> str:
    """Write a column's name into SQL, quoted where it must be."""
    return name if _PLAIN.fullmatch(name) and name not in _reserved() else quoting.quoted(name)


@cache
def _reserved() -> frozenset[str]:
    """Return the words that DuckDB takes for a name in quotes only."""
    import duckdb  # noqa: PLC0415 - the names are checked without it

    with duckdb.connect() as connection:
        words = connection.table_function("duckdb_keywords")
        some = words.filter("keyword_category <> 'unreserved'").project("keyword_name").fetchall()
    return frozenset(word for (word,) in some)


def _python(value: object) -> str:
    """Write a text into Python, with double quotes."""
    return json.dumps(value, ensure_ascii=False)
