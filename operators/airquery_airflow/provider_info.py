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
                        "login": "OAuth client id",
                        "password": "API key, or OAuth client secret",
                    },
                    "placeholders": {
                        "host": "https://llm.example.com/v1",
                        "login": "only with oauth in the extra fields",
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
        "task": {
            "label": "Task",
            "description": "What the endpoint does. custom: a model server that takes and gives JSON.",
            "schema": {
                "type": ["string", "null"],
                "enum": ["chat", "completions", "embeddings", "custom"],
                "default": "chat",
            },
        },
        "model": {
            "label": "Model",
            "description": "The name the endpoint knows it by. Not needed for custom.",
            "schema": {"type": ["string", "null"]},
        },
        "provider": {
            "label": "Wire format",
            "description": "openai also speaks to vLLM, Ollama and most gateways.",
            "schema": {
                "type": ["string", "null"],
                "enum": ["openai", "custom", "databricks", "anthropic"],
            },
        },
        "timeout_s": _number("Timeout of one request, seconds", minimum=1, default=120),
        "concurrency": {
            "label": "Requests in flight",
            "description": "At most so many at the same time, from one task. Empty: finds itself.",
            "schema": {"type": ["integer", "null"], "minimum": 1},
        },
        "requests_per_minute": _rate("Requests per minute"),
        "tokens_per_minute": _rate("Tokens per minute, both sides"),
        "input_per_million": _number("Price of a million input tokens", minimum=0, default=0),
        "output_per_million": _number("Price of a million output tokens", minimum=0, default=0),
        "currency": {
            "label": "Currency of the prices",
            "schema": {"type": ["string", "null"], "pattern": "^[A-Z]{3}$", "default": "USD"},
        },
        "secret_headers": {
            "label": "Secret headers",
            "description": 'A JSON object of more headers to send, such as {"X-Api-Key": "..."}.',
            "schema": {"type": ["string", "null"], "format": "password"},
        },
    }


def _rate(label: str) -> dict[str, object]:
    return {
        "label": label,
        "description": "From one task. Empty: no bound but what the endpoint says itself.",
        "schema": {"type": ["integer", "null"], "minimum": 1},
    }


def _number(label: str, *, minimum: int, default: int) -> dict[str, object]:
    return {
        "label": label,
        "schema": {"type": ["number", "null"], "minimum": minimum, "default": default},
    }
