"""From declared fields to one frozen `Endpoint`, whoever declared them.

A file, an environment variable, an Airflow connection and a Python mapping all go through here, so
the same fields give the same endpoint. What is wrong with the fields alone is found by `declare`,
what depends on
the environment by `Declaration.resolve`. No message, and no exception chained to
one, carries a secret.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import ValidationError

from airquery.endpoints import allowed, reach
from airquery.endpoints.batches import batch_of, check_batch
from airquery.endpoints.endpoint import Endpoint, Limits, PerDay, Price, Provider, Task
from airquery.endpoints.fields import (
    BatchFields,
    BudgetFields,
    EndpointFields,
    LimitsFields,
    OAuthFields,
    PerDayFields,
    PriceFields,
    TlsFields,
)
from airquery.endpoints.variables import check_references, refers, resolved
from airquery.errors import InvalidEndpoint, StatementError, suggestion
from airquery.output.structure import parse_ddl


if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails


_LOG = logging.getLogger(__name__)
_MODELS: Mapping[tuple[str, ...], type[BaseModel]] = {
    (): EndpointFields,
    ("budget",): BudgetFields,
    ("budget", "per_day"): PerDayFields,
    ("batch",): BatchFields,
    ("limits",): LimitsFields,
    ("oauth",): OAuthFields,
    ("price",): PriceFields,
    ("tls",): TlsFields,
}
_EXAMPLES = {
    "task": "task: chat",
    "base_url": "base_url: http://127.0.0.1:8080/v1",
    "oauth.client_id": "client_id: ${CLIENT_ID}",
    "oauth.client_secret": "client_secret: ${CLIENT_SECRET}",
}
_WIRE_PATHS = ("/chat/completions", "/completions", "/embeddings", "/responses", "/messages")
_TASKS: Mapping[Provider, tuple[Task, ...]] = {
    "openai": ("chat", "completions", "embeddings"),
    "custom": ("custom",),
    "databricks": ("chat", "completions", "embeddings", "custom"),
    "anthropic": ("chat",),
}
_NAMED_ON_THE_WIRE = ("openai", "anthropic")
_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """An endpoint whose fields are sound, but whose `${NAME}`s are not yet taken."""

    name: str
    source: str
    fields: EndpointFields

    def resolve(self, environ: Mapping[str, str]) -> Endpoint:
        """Take what the fields name from the environment.

        Raises `ValueError` that says what is not there, for the caller to raise when it is needed.
        """
        fields = self.fields
        base_url = resolved("base_url", fields.base_url, environ).rstrip("/")
        _check_base_url(base_url)
        return Endpoint(
            name=self.name,
            task=fields.task,
            provider=_default_provider(fields),
            api=fields.api,
            format=fields.format,
            base_url=base_url,
            model=None if fields.model is None else resolved("model", fields.model, environ),
            revision=fields.revision,
            identity=fields.identity or "",
            api_key=reach.optional_secret("api_key", fields.api_key, environ),
            api_key_header=fields.api_key_header,
            api_key_scheme=fields.api_key_scheme or "bearer",
            oauth=reach.oauth(fields, base_url, environ),
            headers=reach.secrets("headers", fields.headers, environ),
            query=reach.secrets("query", fields.query, environ),
            tls=reach.tls(fields, environ),
            proxy=reach.proxy(fields, environ),
            returns=fields.returns,
            timeout_s=fields.timeout_s,
            limits=Limits(**fields.limits.model_dump()),
            price=Price(**fields.price.model_dump()),
            per_day=PerDay(**fields.budget.per_day.model_dump()),
            batch=batch_of(fields),
        )


def endpoint_from_fields(
    name: str, fields: Mapping[str, object], *, source: str, environ: Mapping[str, str]
) -> Endpoint:
    """Make the endpoint that these fields declare.

    `source` says in messages where the fields stand. A value that is a `Secret` already, such as
    the password of an Airflow connection, is taken as it is. Raises `InvalidEndpoint`.
    """
    declaration = declare(name, fields, source=source)
    try:
        endpoint = declaration.resolve(environ)
        allowed.check(endpoint)
    except ValueError as error:
        problem = str(error)
    else:
        return endpoint
    raise InvalidEndpoint(name, problem, source=source)


def declare(name: object, fields: object, *, source: str) -> Declaration:
    """Check the fields alone, without the environment. Raises `InvalidEndpoint`."""
    label = name if isinstance(name, str) else repr(name)
    try:
        checked = _checked(name, fields)
    except ValidationError as error:
        problem = " ".join(_problem(detail) for detail in error.errors(include_url=False))
    except ValueError as error:
        problem = str(error)
    else:
        for warning in reach.warnings(checked):
            _LOG.warning("Endpoint %r (%s) %s", label, source, warning)
        return Declaration(name=label, source=source, fields=checked)
    raise InvalidEndpoint(label, problem, source=source)


def _check_base_url(url: str) -> None:
    """Refuse a URL that no request can be sent to. Raises `ValueError` that does not show it."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or re.search(r"[\s\\]", url):
        raise ValueError(
            "field 'base_url' must be an http:// or https:// URL. "
            f"Write for example {_EXAMPLES['base_url']}."
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(
            "field 'base_url' must not hold a user, a '?' or a '#', because it is shown in "
            "messages. Put secrets in api_key, headers or query."
        )
    for path in _WIRE_PATHS:
        if parts.path.rstrip("/").endswith(path):
            raise ValueError(
                f"field 'base_url' must not end with {path!r}, which is added to it. Leave it out."
            )


def _checked(name: object, fields: object) -> EndpointFields:
    if not isinstance(name, str) or not name.isprintable() or name != name.strip() or not name:
        raise ValueError("its name must be text without blanks around it. Put quotes around it.")
    if len(name) > _NAME_LENGTH:
        raise ValueError(f"its name is longer than {_NAME_LENGTH} characters. Shorten it.")
    if not isinstance(fields, Mapping):
        raise ValueError(  # noqa: TRY004 - the caller turns every ValueError into InvalidEndpoint
            f"it must be a mapping of fields, such as {_EXAMPLES['task']}, not "
            f"{type(fields).__name__}."
        )
    checked = EndpointFields.model_validate(dict(fields))
    _check_together(checked)
    return checked


def _check_together(fields: EndpointFields) -> None:
    provider = _default_provider(fields)
    if fields.task not in _TASKS[provider]:
        raise ValueError(
            f"task {fields.task!r} does not go with provider {provider!r}, which has "
            f"{', '.join(_TASKS[provider])}. Change one of them, or leave provider out."
        )
    if fields.api != "chat_completions" and (provider, fields.task) != ("openai", "chat"):
        raise ValueError(
            f"api {fields.api!r} goes only with provider 'openai' and task 'chat'. Leave api out."
        )
    if fields.format != "dataframe_split" and fields.task != "custom":
        raise ValueError(
            f"format {fields.format!r} goes only with task 'custom'. Leave format out."
        )
    if fields.model is None and provider in _NAMED_ON_THE_WIRE:
        raise ValueError(
            f"field 'model' is missing, which task {fields.task!r} needs. "
            "Add it, for example model: my-model."
        )
    for field, value in [("base_url", fields.base_url), ("model", fields.model or "")]:
        check_references(field, value)
    if not refers(fields.base_url):
        _check_base_url(fields.base_url)
    _check_returns(fields)
    check_batch(fields, provider)
    reach.check(fields)


def _check_returns(fields: EndpointFields) -> None:
    if fields.returns is None:
        return
    if fields.task != "custom":
        raise ValueError(
            f"field 'returns' does not go with task {fields.task!r}: only a custom model's answers "
            "have a type of their own. Leave it out, or use returnType in the statement."
        )
    try:
        parse_ddl(fields.returns, argument="returns")
    except StatementError as error:
        problem = str(error)
    else:
        return
    raise ValueError(f"field 'returns' is no type of an answer: {problem}")


def _default_provider(fields: EndpointFields) -> Provider:
    return fields.provider or ("custom" if fields.task == "custom" else "openai")


def _problem(detail: ErrorDetails) -> str:
    """Say what is wrong with one field and how to mend it, without a value that may be secret."""
    path = ".".join(str(step) for step in detail["loc"])
    if detail["type"] == "extra_forbidden":
        parents = tuple(str(step) for step in detail["loc"][:-1])
        known = suggestion(str(detail["loc"][-1]), _MODELS[parents].model_fields)
        return f"field {path!r} is unknown. {known}"
    if detail["type"] == "invalid_key":
        return f"field {path!r} is no field: its name must be text."
    if detail["type"] == "missing":
        return f"field {path!r} is missing. Add it, for example {_EXAMPLES[path]}."
    if detail["type"] == "value_error":
        return f"field {path!r}: {detail['ctx']['error']}"
    if detail["type"] in {"model_type", "dict_type"}:
        return f"field {path!r} should be a mapping, with one 'name: value' a line."
    shown = detail["input"]
    value = f" is {shown!r:.60} but" if isinstance(shown, str | int | float) else ""
    return f"field {path!r}{value} {detail['msg'].replace('Input should', 'should')}."
