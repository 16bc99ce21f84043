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

from airquery.endpoints.endpoint import Endpoint, Limits, Price, Provider, Secret
from airquery.endpoints.fields import EndpointFields, LimitsFields, PriceFields
from airquery.endpoints.variables import check_references, refers, resolved
from airquery.errors import InvalidEndpoint, suggestion


if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails


_LOG = logging.getLogger(__name__)
_MODELS: Mapping[tuple[str, ...], type[BaseModel]] = {
    (): EndpointFields,
    ("limits",): LimitsFields,
    ("price",): PriceFields,
}
_EXAMPLES = {"task": "task: chat", "base_url": "base_url: http://127.0.0.1:8080/v1"}
_WIRE_PATHS = ("/chat/completions", "/completions", "/embeddings")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]+")
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
            base_url=base_url,
            model=None if fields.model is None else resolved("model", fields.model, environ),
            revision=fields.revision,
            identity=fields.identity or "",
            api_key=None if fields.api_key is None else _secret("api_key", fields.api_key, environ),
            headers={
                name: _secret(f"headers.{name}", value, environ)
                for name, value in fields.headers.items()
            },
            timeout_s=fields.timeout_s,
            limits=Limits(
                concurrency=fields.limits.concurrency,
                max_attempts=fields.limits.max_attempts,
                deadline_s=fields.limits.deadline_s,
            ),
            price=Price(**fields.price.model_dump()),
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
        return declaration.resolve(environ)
    except ValueError as error:
        problem = str(error)
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
        if isinstance(checked.api_key, str) and not refers(checked.api_key):
            _LOG.warning(
                "Endpoint %r (%s) holds its api_key in clear text. "
                "Write api_key: ${NAME} and set NAME in the environment.",
                label,
                source,
            )
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
            "messages. Put secrets in api_key or headers."
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
    if (fields.task == "custom") != (provider == "custom"):
        raise ValueError(
            f"task {fields.task!r} does not go with provider {provider!r}. Leave provider out."
        )
    if fields.model is None and provider == "openai":
        raise ValueError(
            f"field 'model' is missing, which task {fields.task!r} needs. "
            "Add it, for example model: my-model."
        )
    for field, value in [("base_url", fields.base_url), ("model", fields.model or "")]:
        check_references(field, value)
    if not refers(fields.base_url):
        _check_base_url(fields.base_url)
    if isinstance(fields.api_key, str):
        check_references("api_key", fields.api_key)
    _check_headers(fields)


def _check_headers(fields: EndpointFields) -> None:
    lowered = [name.lower() for name in fields.headers]
    for name, value in fields.headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"headers: {name!r:.60} cannot be the name of a header. Mend it.")
        if lowered.count(name.lower()) > 1:
            raise ValueError(f"headers: {name!r} is given twice. Keep one.")
        if name.lower() in {"content-type", "content-length", "host"}:
            raise ValueError(f"headers: {name!r} is set by airquery. Leave it out.")
        if isinstance(value, str):
            check_references(f"headers.{name}", value)
    if fields.api_key is not None and "authorization" in lowered:
        raise ValueError("api_key and the header Authorization say the same. Keep one of them.")


def _default_provider(fields: EndpointFields) -> Provider:
    return fields.provider or ("custom" if fields.task == "custom" else "openai")


def _secret(field: str, value: str | Secret, environ: Mapping[str, str]) -> Secret:
    revealed = value.reveal() if isinstance(value, Secret) else resolved(field, value, environ)
    text = revealed.strip()
    if not _HEADER_VALUE.fullmatch(text):
        raise ValueError(
            f"field {field!r} is empty or holds characters that no HTTP header can carry, such as "
            "a line break. Set it again."
        )
    return Secret(text)


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
