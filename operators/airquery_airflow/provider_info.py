"""What Airflow is told about this package: a connection type with its hook, and a decorator.

Read by every Airflow process at start, so it imports nothing. Keys are kebab-case: Airflow ignores
others without a word. A secret field is called `secret_...`, because Airflow masks `extra` by name.
"""

from __future__ import annotations


def get_provider_info() -> dict[str, object]:
    """Return the provider's metadata."""
    return {
        "package-name": "airquery",
        "name": "airquery",
        "description": "`ai_query()` in DuckDB against any LLM endpoint, as scheduled DAGs.",
        "task-decorators": [
            {"name": "ai_query", "class-name": "airquery_airflow.decorator.ai_query_task"}
        ],
        "connection-types": [
            {
                "connection-type": "airquery_endpoint",
                "hook-class-name": "airquery_airflow.hook.EndpointHook",
                "hook-name": "airquery endpoint",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {
                        "host": "Base URL",
                        "port": "Port (the test button needs it)",
                        "login": "OAuth client id",
                        "password": "API key, or OAuth client secret",
                    },
                    "placeholders": {
                        "host": "https://llm.example.com/v1",
                        "port": "443 for https",
                        "login": "only with OAuth below",
                        "password": "sent as a bearer token",
                        "extra": '{"headers": {"X-Team": "reviews"}}',
                    },
                },
                "conn-fields": _fields(),
            }
        ],
    }


def _fields() -> dict[str, object]:
    return {
        "task": _choice(
            "Task",
            ["chat", "completions", "embeddings", "custom"],
            "What the endpoint does. custom: a model server that takes and gives JSON.",
            default="chat",
        ),
        "model": _text(
            "Model", "The name the endpoint knows it by. Not needed for custom and databricks."
        ),
        "provider": _choice(
            "Wire format",
            ["openai", "custom", "databricks", "anthropic"],
            "openai also speaks to vLLM, Ollama and most gateways. Empty: by task.",
        ),
        **_wire(),
        **_way(),
        **_limits(),
        **_money(),
    }


def _wire() -> dict[str, object]:
    return {
        "api": _choice(
            "API of openai",
            ["chat_completions", "responses"],
            "Which of OpenAI's two a chat endpoint speaks. Empty: chat_completions.",
        ),
        "format": _choice(
            "Row format of custom",
            ["dataframe_split", "dataframe_records", "instances", "inputs"],
            "How a custom model takes its row. Empty: dataframe_split.",
        ),
        "returns": _text(
            "Type of a custom model's answers", "Such as STRUCT<label: STRING, score: DOUBLE>."
        ),
        "mode": _choice(
            "Mode",
            ["online", "batch"],
            "batch: asked through the provider's batch API, later and cheaper. Empty: online.",
        ),
        "batch": _object(
            "Batches", 'With mode batch, such as {"max_requests": 10000, "discount": 0.5}.'
        ),
        "revision": _text(
            "Revision",
            "Change it when the model behind the name changed: its old answers are not used then.",
        ),
        "identity": _text("Identity", "Whose answers these are. Empty: the base URL."),
    }


def _way() -> dict[str, object]:
    return {
        "api_key_header": _text(
            "Header of the key", "Such as api-key, instead of Authorization. Empty: Authorization."
        ),
        "api_key_scheme": _choice(
            "Scheme of the key",
            ["bearer", "basic"],
            "basic: sent as the password of the user token. Empty: bearer.",
        ),
        "oauth": _object(
            "OAuth",
            'A service principal instead of a key, such as {"token_url": "...", "scope": "..."}; '
            "its id is the login, its secret the password. {} takes what is usual on Databricks.",
        ),
        "secret_headers": _secret(
            "Secret headers", 'A JSON object of more headers to send, such as {"X-Team": "..."}.'
        ),
        "secret_query": _secret(
            "Secret query", 'A JSON object of what is added to every URL: {"api-version": "..."}.'
        ),
        "secret_proxy": _secret(
            "Proxy",
            "Such as http://user:password@proxy.example.com:3128. Empty: the environment's.",
        ),
        "tls": _object(
            "TLS",
            'Such as {"ca_bundle": "/etc/ssl/corp-ca.pem"}: files of the machines that ask. Empty: '
            "the usual authorities.",
        ),
        "timeout_s": _number("Timeout, seconds", "Of one attempt, its reply included.", 120),
        "deadline_s": _number("Deadline, seconds", "Of one request with all its attempts.", 600),
        "max_attempts": _count(
            "Attempts", "Per request; those refused with 429 do not count. Empty: 6."
        ),
    }


def _limits() -> dict[str, object]:
    from_one = "Sent by one process. Empty: no bound but what the endpoint says itself."
    return {
        "concurrency": _count(
            "Requests in flight", "At most so many at once, by one process. Empty: finds itself."
        ),
        "requests_per_minute": _count("Requests per minute", from_one),
        "requests_per_hour": _count("Requests per hour", from_one),
        "tokens_per_minute": _count("Tokens per minute, both sides", from_one),
        "input_tokens_per_minute": _count("Input tokens per minute", from_one),
        "output_tokens_per_minute": _count("Output tokens per minute", from_one),
        "inputs_per_request": _count(
            "Texts per request", "Of one request for embeddings. Empty: 32."
        ),
        "hedge": _choice(
            "Ask stragglers twice",
            ["true", "false"],
            "The last requests of a run that take far longer than the others. Empty: true.",
        ),
    }


def _money() -> dict[str, object]:
    return {
        "input_per_million": _number(
            "Price of a million input tokens", "For estimates, budgets and usage.", 0
        ),
        "output_per_million": _number("Price of a million output tokens", "As above.", 0),
        "currency": {
            "label": "Currency of the prices",
            "description": "Three letters.",
            "schema": {"type": ["string", "null"], "pattern": "^[A-Z]{3}$", "default": "USD"},
        },
        "budget": _object(
            "Budget", 'What may be spent on it a day, by all: {"per_day": {"money": 20}}.'
        ),
    }


def _text(label: str, description: str) -> dict[str, object]:
    schema = {"type": ["string", "null"]}
    return {"label": label, "description": description, "schema": schema}


def _secret(label: str, description: str) -> dict[str, object]:
    schema = {"type": ["string", "null"], "format": "password"}
    return {"label": label, "description": description, "schema": schema}


def _object(label: str, description: str) -> dict[str, object]:
    """Take a JSON object as text; no secret belongs into it."""
    return _text(label, description)


def _choice(
    label: str, choices: list[str], description: str, *, default: str | None = None
) -> dict[str, object]:
    schema: dict[str, object] = {"type": ["string", "null"], "enum": choices}
    if default is not None:
        schema["default"] = default
    return {"label": label, "description": description, "schema": schema}


def _count(label: str, description: str) -> dict[str, object]:
    schema = {"type": ["integer", "null"], "minimum": 1}
    return {"label": label, "description": description, "schema": schema}


def _number(label: str, description: str, default: int) -> dict[str, object]:
    schema = {"type": ["number", "null"], "minimum": min(default, 1), "default": default}
    return {"label": label, "description": description, "schema": schema}
