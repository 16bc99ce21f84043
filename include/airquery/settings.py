"""Where this process keeps its things: the `AIRQUERY_*` variables, read once.

Only the edges (command line, operators, `airquery.connect`) read settings; everything inside takes
what it needs as arguments. A blank variable is an unset one. No message shows a URL that was
refused, because it may hold a password.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, PlainValidator, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from airquery.errors import InvalidSetting, suggestion


_SQLITE = "sqlite:///"
_PREFIX = "AIRQUERY_"


def _absolute(value: object) -> Path:
    if not isinstance(value, str | Path) or "\0" in str(value):
        raise ValueError("must be a path.")
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:
        raise ValueError("starts with a '~' that stands for no known home. Write it out.") from None


def _folder(value: object) -> Path:
    path = _absolute(value)
    if path.exists() and not path.is_dir():
        raise ValueError(f"must be a folder, but {str(path)!r} is a file. Name another one.")
    return path


def _optional_file(value: object) -> Path | None:
    return None if value is None else _absolute(value)


def _journal(value: object) -> str:
    """Keep a URL of SQLite that names one file, wherever the process runs."""
    scheme, found, rest = str(value).partition("://")
    if found and scheme.partition("+")[0] in {"postgresql", "postgres"}:
        raise ValueError(
            "is PostgreSQL, but this version knows sqlite only. Write sqlite:///<path>."
        )
    if not str(value).startswith(_SQLITE):
        raise ValueError("must be a URL sqlite:///<path>; this version knows sqlite only.")
    path = Path(rest.removeprefix("/"))
    if not path.is_absolute() and not rest.startswith("/~"):
        raise ValueError(
            "must name a file by its absolute path, or each working directory would have its own "
            "journal. Write four slashes: sqlite:////path/to/journal.db."
        )
    file = _absolute(path)
    if file.is_dir():
        raise ValueError("must name a file, but it is a folder. Add /journal.db to it.")
    return f"{_SQLITE}{file}"


def _flag(value: object) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    found = value if isinstance(value, bool) else words.get(str(value).strip().lower())
    if found is None:
        raise ValueError("must be true or false.")
    return found


def _warehouse(value: object) -> str:
    return str(value) if "://" in str(value) else str(_folder(value))


class Settings(BaseSettings):
    """What the environment says, or what it was made with."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    home: Annotated[Path, PlainValidator(_folder)] = Path("~/.airquery")
    endpoints: Annotated[Path | None, PlainValidator(_optional_file)] = None
    journal: Annotated[str, PlainValidator(_journal)] = Field(
        default_factory=lambda known: f"{_SQLITE}{known['home'] / 'journal.db'}"
    )
    warehouse: Annotated[str, PlainValidator(_warehouse)] = Field(
        default_factory=lambda known: str(known["home"] / "warehouse")
    )

    strict_databricks: Annotated[bool, PlainValidator(_flag)] = False
    compat_error_struct: Annotated[bool, PlainValidator(_flag)] = False

    @classmethod
    def read(cls, **values: Any) -> Self:
        """Read the environment; `values` go before it. Raises `InvalidSetting`."""
        try:
            return cls(**values)
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
        name = f"{_PREFIX}{str(detail['loc'][0]).upper()}"
        if detail["type"] == "extra_forbidden":
            problem = f"is no setting. {suggestion(str(detail['loc'][0]), cls.model_fields)}"
        else:
            problem = str(detail["ctx"]["error"])
        raise InvalidSetting(f"{name} {problem}")

    def journal_path(self) -> Path:
        """Return the file that the journal is kept in."""
        return Path(self.journal.removeprefix(_SQLITE))
