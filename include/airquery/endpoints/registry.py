"""Which endpoints there are, by the name that SQL calls them.

A registry never changes: adding to one makes another. Names are looked up exactly. An endpoint
whose `${NAME}` is not set is listed, and refused only when it is asked for, so that one missing key
does not stop the others.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from airquery.endpoints import allowed
from airquery.endpoints.endpoint import Endpoint
from airquery.errors import InvalidEndpoint, NoDefaultEndpoint, UnknownEndpoint


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.endpoints.declaration import Declaration
    from airquery.settings import Settings


# The name under which `functions` sets the endpoint of every function it does not list.
DEFAULT = "default"
# How the names of variables begin that declare an endpoint, or a function's default.
VARIABLES = ("AIRQUERY_ENDPOINT_", "AIRQUERY_FUNCTION_")


@dataclass(frozen=True, slots=True)
class _Unresolved:
    """What keeps a declared endpoint from being used."""

    problem: str
    source: str


@dataclass(frozen=True, slots=True)
class Registry:
    """The endpoints that are known, ready to be asked for."""

    _entries: Mapping[str, Endpoint | _Unresolved] = field(default_factory=dict)
    _defaults: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        source: Settings | Path | str | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Registry:
        """Read the file of endpoints, then `AIRQUERY_ENDPOINT_<NAME>`, which goes before it.

        Args:
            source: The path of a YAML file, or settings that name one. Without it, the file that
                `AIRQUERY_ENDPOINTS` names in `environ`, if there is one.
            environ: Where `${NAME}` and `AIRQUERY_ENDPOINT_<NAME>` are looked up, now and not later.
        """
        path: Path | str | None
        if source is None:
            path = environ.get("AIRQUERY_ENDPOINTS", "").strip()
        else:
            path = source if isinstance(source, str | Path) else source.endpoints
        if not path and not any(name.startswith(VARIABLES) for name in environ):
            return cls()
        # The parsers are loaded here, so that those who declare nothing do not wait for them.
        from airquery.endpoints.declared import (  # noqa: PLC0415
            defaults_from_environment,
            defaults_from_file,
            from_environment,
            from_file,
        )

        file = Path(path).expanduser() if path else None
        declared = from_file(file) if file else {}
        defaults = defaults_from_file(file) if file else {}
        return cls(
            _resolved({**declared, **from_environment(environ)}, environ),
            {**defaults, **defaults_from_environment(environ)},
        )

    @classmethod
    def from_mapping(
        cls,
        endpoints: Mapping[str, Endpoint | Mapping[str, object]],
        environ: Mapping[str, str] = os.environ,
        *,
        functions: Mapping[str, str] | None = None,
    ) -> Registry:
        """Make a registry of endpoints, or of the fields that a file would hold for each.

        `functions` names the default endpoints of functions, as `functions:` in a file does.
        """
        # As in `read`.
        from airquery.endpoints.declaration import declare  # noqa: PLC0415

        entries: dict[str, Endpoint | _Unresolved] = {}
        declared: dict[str, Declaration] = {}
        for name, value in endpoints.items():
            if isinstance(value, Endpoint):
                entries[name] = _admitted(replace(value, name=name), source="Python")
            else:
                declared[name] = declare(name, value, source="Python")
        return cls({**entries, **_resolved(declared, environ)}, dict(functions or {}))

    def names(self) -> tuple[str, ...]:
        """Return every declared name, sorted, also of those that cannot be used."""
        return tuple(sorted(self._entries))

    def get(self, name: str) -> Endpoint:
        """Return the endpoint of exactly this name.

        Raises `UnknownEndpoint`, or `InvalidEndpoint` when what it takes from the environment
        is not there.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise UnknownEndpoint(name, self.names())
        if isinstance(entry, _Unresolved):
            raise InvalidEndpoint(name, entry.problem, source=entry.source)
        return entry

    def default(self, function: str, *, task: str) -> Endpoint:
        """Return the endpoint a function asks when a call names none.

        It is the one that `functions` names for it, else that for "default", else the only
        endpoint of the task. Raises `NoDefaultEndpoint`, and what `get` raises.
        """
        name = self.default_name(function)
        if name is not None and (function in self._defaults or self.get(name).task == task):
            return self.get(name)
        fitting = [
            one for one in self._entries.values() if isinstance(one, Endpoint) and one.task == task
        ]
        if len(fitting) == 1:
            return fitting[0]
        raise NoDefaultEndpoint(function, task=task, known=[one.name for one in fitting])

    def functions(self) -> tuple[str, ...]:
        """Return the functions that have a default endpoint of their own, sorted."""
        return tuple(sorted(name for name in self._defaults if name != DEFAULT))

    def defaults(self) -> tuple[tuple[str, str], ...]:
        """Return which endpoint each function asks by default, and "default" the others, sorted."""
        return tuple(sorted(self._defaults.items()))

    def default_name(self, function: str) -> str | None:
        """Return the name that is set for a function, or for all."""
        return self._defaults.get(function, self._defaults.get(DEFAULT))

    def with_endpoints(self, *endpoints: Endpoint) -> Registry:
        """Return a registry that also knows these, instead of others of the same name."""
        added = {one.name: _admitted(one, source="Python") for one in endpoints}
        return Registry({**self._entries, **added}, self._defaults)


def _resolved(
    declared: Mapping[str, Declaration], environ: Mapping[str, str]
) -> dict[str, Endpoint | _Unresolved]:
    entries: dict[str, Endpoint | _Unresolved] = {}
    for name, declaration in declared.items():
        try:
            entries[name] = _admitted(declaration.resolve(environ), source=declaration.source)
        except ValueError as error:
            entries[name] = _Unresolved(str(error), declaration.source)
    return entries


def _admitted(endpoint: Endpoint, *, source: str) -> Endpoint | _Unresolved:
    """Keep an endpoint out that `AIRQUERY_ALLOWED_URLS` of this process does not allow."""
    try:
        allowed.check(endpoint)
    except ValueError as error:
        return _Unresolved(str(error), source)
    return endpoint
