"""Where this process keeps its things: the `AIRQUERY_*` variables, read once.

Only the edges (command line, operators, `airquery.connect`) read settings; everything inside takes
what it needs as arguments. A blank variable is an unset one. No message shows a URL that was
refused, because it may hold a password.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from airquery.errors import InvalidSetting, suggestion
from airquery.execute.flight import CACHES
from airquery.freshness import Freshness, age_s, namespace_of
from airquery.journal.address import checked, is_postgres, without_password
from airquery.journal.opening import SQLITE


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airquery.execute.flight import Cache

_Value = TypeVar("_Value")

_PREFIX = "AIRQUERY_"


def _absolute(value: object) -> Path:
    if not isinstance(value, str | Path) or "\0" in str(value):
        raise ValueError("must be a path.")
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:
        raise ValueError("starts with a '~' that stands for no known home. Write it out.") from None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError as problem:
        raise ValueError(f"cannot be used as a path: {problem.strerror}.") from None


def _folder(value: object) -> Path:
    path = _absolute(value)
    if not _is_folder(path) and path.exists():
        raise ValueError(f"must be a folder, but {str(path)!r} is a file. Name another one.")
    return path


def _optional_file(value: object) -> Path | None:
    return None if value is None else _absolute(value)


def _journal(value: object) -> str:
    """Keep a URL of PostgreSQL, or one of SQLite that names one file, wherever the process runs."""
    url = str(value).strip()
    if is_postgres(url):
        return checked(url)
    rest = url.partition("://")[2]
    if not url.startswith(SQLITE):
        raise ValueError(
            "must be a URL sqlite:///<path> or postgresql://user:password@host:port/database."
        )
    path = Path(rest.removeprefix("/"))
    if not path.is_absolute() and not rest.startswith("/~"):
        raise ValueError(
            "must name a file by its absolute path, or each working directory would have its own "
            "journal. Write four slashes: sqlite:////path/to/journal.db."
        )
    file = _absolute(path)
    if _is_folder(file):
        raise ValueError("must name a file, but it is a folder. Add /journal.db to it.")
    return f"{SQLITE}{file}"


def _flag(value: object) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    found = value if isinstance(value, bool) else words.get(str(value).strip().lower())
    if found is None:
        raise ValueError("must be true or false.")
    return found


def _cache(value: object) -> Cache:
    for known in CACHES:
        if str(value).strip().lower() == known:
            return known
    raise ValueError(f"must be one of {', '.join(CACHES)}.")


def _warehouse(value: object) -> str:
    return str(value) if "://" in str(value) else str(_folder(value))


def _age(value: object) -> float | None:
    return None if value is None else age_s(str(value))


def _namespace(value: object) -> str | None:
    return None if value is None else namespace_of(str(value))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """What the environment says, or what it was made with. `journal` may hold a password.

    `cache_max_age` is in seconds; it is given as an age such as 30d.
    """

    home: Path
    endpoints: Path | None
    journal: str
    warehouse: str
    strict_databricks: bool
    compat_error_struct: bool
    cache: Cache
    cache_max_age: float | None
    cache_namespace: str | None

    @classmethod
    def read(cls, **values: object) -> Self:
        """Read the environment; `values` go before it. Raises `InvalidSetting`."""
        names = [one.name for one in fields(cls)]
        for name in values:
            if name not in names:
                raise InvalidSetting(f"{_variable(name)} is no setting. {suggestion(name, names)}")
        given = {name: os.environ[_variable(name)] for name in names if _is_set(name)} | values
        home = _read("home", given, _folder, default="~/.airquery")
        return cls(
            home=home,
            endpoints=_read("endpoints", given, _optional_file, default=None),
            journal=_read("journal", given, _journal, default=f"{SQLITE}{home / 'journal.db'}"),
            warehouse=_read("warehouse", given, _warehouse, default=str(home / "warehouse")),
            strict_databricks=_read("strict_databricks", given, _flag, default=False),
            compat_error_struct=_read("compat_error_struct", given, _flag, default=False),
            cache_max_age=_read("cache_max_age", given, _age, default=None),
            cache_namespace=_read("cache_namespace", given, _namespace, default=None),
            cache=_read("cache", given, _cache, default="reuse"),
        )

    def __repr__(self) -> str:
        shown = {one.name: getattr(self, one.name) for one in fields(self)}
        shown["journal"] = without_password(self.journal)
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def freshness(self) -> Freshness:
        """Return how fresh remembered answers must be."""
        return Freshness(max_age_s=self.cache_max_age, namespace=self.cache_namespace)

    def journal_path(self) -> Path:
        """Return the file that the journal is kept in, if it is SQLite's."""
        return Path(self.journal.removeprefix(SQLITE))


def _variable(name: str) -> str:
    return f"{_PREFIX}{name.upper()}"


def _is_set(name: str) -> bool:
    return bool(os.environ.get(_variable(name), "").strip())


def _read(
    name: str, given: Mapping[str, object], reader: Callable[[object], _Value], *, default: object
) -> _Value:
    try:
        return reader(given.get(name, default))
    except ValueError as problem:
        raise InvalidSetting(f"{_variable(name)} {problem}") from None
