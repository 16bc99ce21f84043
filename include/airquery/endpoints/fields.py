"""The fields an endpoint may be declared with, and what each may hold.

The one place of `airquery.endpoints` that loads pydantic, so it is imported only when somebody
declares an endpoint by fields. A field that is not listed here is refused, never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, TypeAlias

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator

from airquery.endpoints.endpoint import (
    Api,
    Batch,
    Format,
    KeyScheme,
    Limits,
    Mode,
    Price,
    Provider,
    Secret,
    Task,
)


_BATCH = Batch()
_LIMITS = Limits()
_PRICE = Price()


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be text that is not blank. Put quotes around a number.")
    return value.strip()


def _optional_text(value: object) -> str | None:
    return None if value is None else _text(value)


def _optional_secret(value: object) -> str | Secret | None:
    return value if isinstance(value, Secret) else _optional_text(value)


def _header(value: object) -> str | Secret:
    return value if isinstance(value, Secret) else _text(value)


def _query_value(value: object) -> str | Secret:
    # YAML reads an API version such as 2024-10-21 as a date.
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _header(value)


def _details(value: object) -> str | None:
    if isinstance(value, list | Mapping):
        return orjson.dumps(value).decode()
    return _optional_text(value)


def _in_flight(value: object) -> object:
    return None if value == "auto" else value


def _provider(value: object) -> object:
    if value not in (None, "anthropic", "custom", "databricks", "openai"):
        raise ValueError(
            f"{value!r:.60} is not supported by this version. Known: anthropic, custom, "
            "databricks, openai. What speaks the OpenAI format, as most gateways and servers do, "
            "is `openai`."
        )
    return value


def _currency(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{3}", value):
        raise ValueError("must be three capital letters, such as USD.")
    return value


Text: TypeAlias = Annotated[str, PlainValidator(_text)]
OptionalText: TypeAlias = Annotated[str | None, PlainValidator(_optional_text)]
OptionalSecret: TypeAlias = Annotated[str | Secret | None, PlainValidator(_optional_secret)]
Header: TypeAlias = Annotated[str | Secret, PlainValidator(_header)]
QueryValue: TypeAlias = Annotated[str | Secret, PlainValidator(_query_value)]
Details: TypeAlias = Annotated[str | None, PlainValidator(_details)]
Count: TypeAlias = Annotated[int, Field(ge=1, strict=True)]
Rate: TypeAlias = Count | None
Duration: TypeAlias = Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)]
Flag: TypeAlias = Annotated[bool, Field(strict=True)]
Share: TypeAlias = Annotated[float, Field(ge=0, le=1, strict=True, allow_inf_nan=False)]
Amount: TypeAlias = Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)]


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class LimitsFields(_Fields):
    """What may stand under `limits`."""

    concurrency: Annotated[Rate, BeforeValidator(_in_flight)] = None
    requests_per_minute: Rate = None
    requests_per_hour: Rate = None
    tokens_per_minute: Rate = None
    input_tokens_per_minute: Rate = None
    output_tokens_per_minute: Rate = None
    max_attempts: Count = _LIMITS.max_attempts
    deadline_s: Duration = _LIMITS.deadline_s
    inputs_per_request: Count = _LIMITS.inputs_per_request
    hedge: Flag = _LIMITS.hedge


class BatchFields(_Fields):
    """What may stand under `batch`."""

    max_requests: Rate = _BATCH.max_requests
    max_bytes: Rate = _BATCH.max_bytes
    discount: Share = _BATCH.discount
    quiet_s: Duration = _BATCH.quiet_s
    first_poll_s: Duration = _BATCH.first_poll_s
    longest_poll_s: Duration = _BATCH.longest_poll_s


class PriceFields(_Fields):
    """What may stand under `price`."""

    input_per_million: Amount = _PRICE.input_per_million
    output_per_million: Amount = _PRICE.output_per_million
    currency: Annotated[str, PlainValidator(_currency)] = _PRICE.currency


class PerDayFields(_Fields):
    """What may stand under `budget.per_day`."""

    requests: Annotated[int | None, Field(ge=0, strict=True)] = None
    tokens: Annotated[int | None, Field(ge=0, strict=True)] = None
    money: Amount | None = None


class BudgetFields(_Fields):
    """What may stand under `budget`."""

    per_day: PerDayFields = PerDayFields()


class OAuthFields(_Fields):
    """What may stand under `oauth`."""

    client_id: Text
    client_secret: Header
    token_url: OptionalText = None
    scope: Text = "all-apis"
    authorization_details: Details = None


class TlsFields(_Fields):
    """What may stand under `tls`."""

    ca_bundle: OptionalText = None
    verify: Flag = True
    client_cert: OptionalText = None


class EndpointFields(_Fields):
    """What may stand under an endpoint's name."""

    task: Task
    base_url: Text
    provider: Annotated[Provider | None, BeforeValidator(_provider)] = None
    api: Api = "chat_completions"
    format: Format = "dataframe_split"
    model: OptionalText = None
    revision: OptionalText = None
    identity: OptionalText = None
    api_key: OptionalSecret = None
    api_key_header: OptionalText = None
    api_key_scheme: KeyScheme | None = None
    oauth: OAuthFields | None = None
    headers: dict[str, Header] = Field(default_factory=dict)
    query: dict[str, QueryValue] = Field(default_factory=dict)
    tls: TlsFields = TlsFields()
    proxy: OptionalSecret = None
    returns: OptionalText = None
    timeout_s: Duration = 120.0
    limits: LimitsFields = LimitsFields()
    price: PriceFields = PriceFields()
    budget: BudgetFields = BudgetFields()
    mode: Mode = "online"
    batch: BatchFields | None = None
