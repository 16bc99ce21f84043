"""Whom we ask: one frozen record per endpoint, whatever it was declared in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


Task: TypeAlias = Literal["chat", "completions", "embeddings", "custom"]
Provider: TypeAlias = Literal["openai", "custom", "databricks", "anthropic", "python"]
Api: TypeAlias = Literal["chat_completions", "responses"]
Format: TypeAlias = Literal["dataframe_split", "dataframe_records", "instances", "inputs"]
Mode: TypeAlias = Literal["online", "batch"]
KeyScheme: TypeAlias = Literal["bearer", "basic"]


# Anthropic takes its key there, without a scheme.
ANTHROPIC_KEY_HEADER = "x-api-key"


@dataclass(frozen=True, slots=True)
class Secret:
    """A string that never shows itself: not in `repr`, `str`, logs or tracebacks."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """Return the secret, for the one place that sends it."""
        return self._value

    def __str__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How hard an endpoint may be pressed.

    `concurrency` is the most requests in flight; None lets the engine find out by itself how many
    the endpoint takes. The rates bound what is sent in any minute or hour; None is no bound.
    `tokens_per_minute` counts both sides, as OpenAI and Azure do. `deadline_s` bounds one request
    with all its attempts, `max_attempts` counts those that were not asked for patience with 429.
    `inputs_per_request` is how many texts one request for embeddings may carry; other tasks carry
    one. `hedge` lets the last stragglers of a run be asked a second time.
    """

    concurrency: int | None = None
    requests_per_minute: int | None = None
    requests_per_hour: int | None = None
    tokens_per_minute: int | None = None
    input_tokens_per_minute: int | None = None
    output_tokens_per_minute: int | None = None
    max_attempts: int = 6
    deadline_s: float = 600.0
    inputs_per_request: int = 32
    hedge: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a million tokens cost."""

    input_per_million: float = 0.0
    output_per_million: float = 0.0
    currency: str = "USD"

    def of(self, *, prompt_tokens: int, completion_tokens: int) -> float:
        """Return the price of so many tokens, in `currency`."""
        return (
            prompt_tokens * self.input_per_million + completion_tokens * self.output_per_million
        ) / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PerDay:
    """The most that is spent on an endpoint a day (UTC), whoever asks; None is no bound."""

    requests: int | None = None
    tokens: int | None = None
    money: float | None = None

    @property
    def is_bound(self) -> bool:
        """Tell whether there is any bound."""
        return (self.requests, self.tokens, self.money) != (None, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """How an endpoint is asked through its provider's batch API.

    A job has at most `max_requests` requests and `max_bytes` bytes; None is what the provider
    takes. `discount` is the share of the price list that its answers do not cost. A job is
    submitted when nothing new came for `quiet_s` seconds, or nothing more is to come. It is looked
    at after `first_poll_s` seconds, and then less and less often, up to every `longest_poll_s`.
    """

    max_requests: int | None = None
    max_bytes: int | None = None
    discount: float = 0.5
    quiet_s: float = 2.0
    first_poll_s: float = 1.0
    longest_poll_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth:
    """How to get a token for a service principal: the client credentials grant.

    `authorization_details` is the JSON text that some servers want beside the scope.
    """

    client_id: str
    client_secret: Secret
    token_url: str
    scope: str = "all-apis"
    authorization_details: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Whom to trust behind https: the usual authorities, or only those of `ca_bundle`.

    `client_cert` is a PEM file of our own certificate and its key, for servers that ask for one.
    """

    ca_bundle: str | None = None
    verify: bool = True
    client_cert: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way to a server. Requests of equal routes share connections."""

    tls: Tls = Tls()
    proxy: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One endpoint, ready to be asked.

    `name` is what SQL calls it. `identity` says whose answers these are: answers are shared in the
    journal between endpoints of equal `identity`, `model`, `revision`, `task` and `provider`,
    whatever their name, key or limits. It is the base URL unless declared. `api` chooses between the
    two of OpenAI's for chat, `format` how a custom model takes its row. No server speaks `openai`
    for a `custom` task, so its provider is `custom` then. On Databricks and for custom models, `model`
    is the name of the serving endpoint, which is the endpoint's own unless declared.

    `api_key` goes as it is under the name `api_key_header` if there is one, and else as
    `Authorization` by `api_key_scheme`; with `oauth` it is the token that was fetched. `query` is
    added to every URL. `returns` is the type of a custom model's answers, as DDL. With `function`
    nothing is sent: it is called, and what it returns is the answer (`function_endpoint`). With
    `batch`, requests go through the provider's batch API.
    """

    name: str
    task: Task
    base_url: str
    provider: Provider = "openai"
    api: Api = "chat_completions"
    format: Format = "dataframe_split"
    model: str | None = None
    revision: str | None = None
    identity: str = ""
    api_key: Secret | None = None
    api_key_header: str | None = None
    api_key_scheme: KeyScheme = "bearer"
    oauth: OAuth | None = None
    headers: Mapping[str, Secret] = field(default_factory=dict)
    query: Mapping[str, Secret] = field(default_factory=dict)
    tls: Tls = Tls()
    proxy: Secret | None = None
    returns: str | None = None
    timeout_s: float = 120.0
    limits: Limits = field(default_factory=Limits)
    price: Price = field(default_factory=Price)
    per_day: PerDay = PerDay()
    batch: Batch | None = None
    function: Callable[..., Any] | None = None

    def __post_init__(self) -> None:
        if not self.identity:
            object.__setattr__(self, "identity", self.base_url.rstrip("/"))
        if self.task == "custom" and self.provider == "openai":
            object.__setattr__(self, "provider", "custom")
        if self.provider == "anthropic" and self.api_key_header is None and self.oauth is None:
            object.__setattr__(self, "api_key_header", ANTHROPIC_KEY_HEADER)
        whole_address = self.base_url.rstrip("/").endswith("/invocations")
        served = self.provider in ("databricks", "custom")
        if served and self.model is None and not whole_address:
            # The URL is made of it, so that it is part of whose answers these are.
            object.__setattr__(self, "model", self.name)

    @property
    def route(self) -> Route:
        """Return the way its requests take."""
        return Route(tls=self.tls, proxy=self.proxy)

    @property
    def charged(self) -> Price:
        """Return what its answers cost: the price list, less the discount of batches."""
        if self.batch is None:
            return self.price
        share = 1.0 - self.batch.discount
        return Price(
            input_per_million=self.price.input_per_million * share,
            output_per_million=self.price.output_per_million * share,
            currency=self.price.currency,
        )

    def secrets(self) -> tuple[Secret, ...]:
        """Return all that no message, log or answer may show."""
        single = (self.api_key, self.oauth.client_secret if self.oauth else None, self.proxy)
        several = (*self.headers.values(), *self.query.values())
        return (*(secret for secret in single if secret is not None), *several)
