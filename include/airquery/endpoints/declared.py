"""Find the declarations of endpoints: in a YAML file and in environment variables.

A name that is declared twice in one place is refused, because nobody could say which of the two is
asked. A message about a file says where in it, and never shows a line of it: it may hold a key.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

import yaml

from airquery.endpoints.declaration import Declaration, declare
from airquery.endpoints.endpoint import Secret
from airquery.endpoints.registry import VARIABLES
from airquery.endpoints.variables import refers
from airquery.errors import InvalidSetting, suggestion


if TYPE_CHECKING:
    from pathlib import Path


PREFIX, FUNCTION_PREFIX = VARIABLES
_DEEPEST = 50
_TOP = ("endpoints", "functions")
_EXAMPLE = "{task: chat, base_url: 'http://127.0.0.1:8080/v1', model: my-model}"


class _Duplicate(yaml.YAMLError):
    """A mapping holds one key twice."""


class _Loader(yaml.SafeLoader):
    def fetch_flow_collection_start(self, TokenClass: type[yaml.Token]) -> None:  # noqa: N803
        # Its time grows with the square of them.
        if self.flow_level >= _DEEPEST:
            raise yaml.YAMLError("brackets in brackets without end")
        super().fetch_flow_collection_start(TokenClass)

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                line = key.start_mark.line + 1
                raise _Duplicate(f"line {line} declares {key.value!r} a second time. Keep one.")
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def from_file(path: Path) -> dict[str, Declaration]:
    """Read the endpoints that a YAML file declares. Raises `ConfigurationError`."""
    top, where = _top_of(path)
    declared = {} if top["endpoints"] is None else top["endpoints"]
    if not isinstance(declared, Mapping):
        raise InvalidSetting(
            f"{where}: 'endpoints' must map each name to its fields. Write my-llm: {_EXAMPLE}"
        )
    found = [declare(name, fields, source=str(path)) for name, fields in declared.items()]
    return {declaration.name: declaration for declaration in found}


def defaults_from_file(path: Path) -> dict[str, str]:
    """Read which endpoints the functions ask by default. Raises `ConfigurationError`."""
    top, where = _top_of(path)
    given = top.get("functions") or {}
    if not isinstance(given, Mapping) or not all(
        isinstance(one, str) for pair in given.items() for one in pair
    ):
        raise InvalidSetting(
            f"{where}: 'functions' must map names of functions to names of endpoints. Write "
            "functions: {ai_classify: my-llm, default: my-llm}"
        )
    return {str(function).lower(): str(endpoint) for function, endpoint in given.items()}


def defaults_from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Read `AIRQUERY_FUNCTION_<NAME>` variables: `AI_CLASSIFY` is ai_classify. Blank is unset."""
    return {
        variable.removeprefix(FUNCTION_PREFIX).lower(): environ[variable].strip()
        for variable in environ
        if variable.startswith(FUNCTION_PREFIX) and environ[variable].strip()
    }


def _top_of(path: Path) -> tuple[Mapping[str, object], str]:
    """Return what a file holds at its top level, and how messages call it."""
    where = f"The endpoint file {str(path)!r}"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        problem = f"cannot be read: {error.strerror}. Name a YAML file in AIRQUERY_ENDPOINTS."
        raise InvalidSetting(f"{where} {problem}") from None
    except UnicodeDecodeError:
        raise InvalidSetting(f"{where} is not UTF-8 text. Save it as UTF-8.") from None
    top = _parsed(text, where)
    if not isinstance(top, Mapping) or "endpoints" not in top:
        raise InvalidSetting(
            f"{where} has no 'endpoints' at its top level. Write endpoints: {{my-llm: {_EXAMPLE}}}"
        )
    for key in top:
        if key not in _TOP and not str(key).startswith("x-"):
            raise InvalidSetting(
                f"{where} has {key!r:.60} at its top level, where only 'endpoints', 'functions', and "
                f"names that start with 'x-', may stand. {suggestion(str(key), _TOP)}"
            )
    return top, where


def from_environment(environ: Mapping[str, str]) -> dict[str, Declaration]:
    """Read the endpoints that `AIRQUERY_ENDPOINT_<NAME>` variables declare.

    `MY_LLM` declares `my-llm`. A blank variable declares nothing. Raises `ConfigurationError`.
    """
    found: dict[str, Declaration] = {}
    for variable in sorted(environ):
        text = environ[variable]
        if not variable.startswith(PREFIX) or not text.strip():
            continue
        name = variable.removeprefix(PREFIX).lower().replace("_", "-")
        if name in found:
            raise InvalidSetting(
                f"{variable} and {found[name].source} both declare endpoint {name!r}. Unset one."
            )
        fields = _parsed(text, f"The environment variable {variable}")
        found[name] = declare(name, _private(fields), source=variable)
    return found


def _private(fields: object) -> object:
    """Take what stands in the environment as what it is: not clear text in a file."""
    if not isinstance(fields, Mapping):
        return fields
    private = {
        name: Secret(value)
        for name in ("api_key", "client_secret", "proxy")
        if isinstance(value := fields.get(name), str) and value.strip() and not refers(value)
    }
    oauth = {"oauth": _private(fields["oauth"])} if "oauth" in fields else {}
    return {**fields, **oauth, **private}


def _parsed(text: str, where: str) -> object:
    """Parse YAML, and so JSON. Raises `InvalidSetting`."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except _Duplicate as error:
        problem = f": {error}"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = f"{place}, is not YAML. Mend it there."
    except (yaml.YAMLError, ValueError, RecursionError):
        problem = " is not YAML. Mend it."
    raise InvalidSetting(f"{where}{problem}")
