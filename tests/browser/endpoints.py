"""The endpoints that the browser's Airflow asks: a model of opinions, two to compare, one that attacks."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airquery.testing import EndpointServer, Reply


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

KEY = "sk-browser-5f2e9c71"
WRONG_KEY = "sk-wrong-77c1d0aa"
# What each endpoint is, beside its address and key.
MODELS: Mapping[str, Mapping[str, object]] = {
    "reviews-llm": {"task": "chat", "model": "small-1"},
    "large-llm": {"task": "chat", "model": "large-2"},
    "hostile-llm": {"task": "chat", "model": "hostile"},
    "vader": {"task": "custom", "model": "vader"},
}
PRICES: Mapping[str, tuple[float, float]] = {
    "reviews-llm": (0.15, 0.60),
    "large-llm": (2.50, 10.00),
    "hostile-llm": (1_000.0, 1_000.0),
}
ANSWERS = {
    "small-1": "Short battery life, and a friendly shop.",
    "large-2": "The battery lasts only two hours; the shop took the player back without a word.",
}
ABOUT = {
    "Price": ("price", "cheap", "money", "cost"),
    "Service": ("support", "service", "return", "warranty", "call"),
    "Design": ("look", "color", "size", "small"),
    "Usability": ("easy", "use", "remote", "menu", "button"),
}
GOOD = {"good", "great", "easy", "excellent", "love", "best", "nice", "happy", "perfect", "fine"}
BAD = {"not", "no", "bad", "poor", "problem", "waste", "return", "stop", "never", "broken"}
PAYLOADS = (
    "<script>window.__pwned = 1; alert(1)</script>",
    '<img src=x onerror="window.__pwned = 1; alert(1)">',
    '"><svg onload="window.__pwned = 1; alert(1)">',
    "javascript:alert(1)",
    "{{7*7}}",
    "</textarea></pre></td></style><script>alert(1)</script>",
)
ATTACK = " ".join(PAYLOADS)


@contextmanager
def endpoints(folder: Path) -> Iterator[tuple[EndpointServer, Path]]:
    """Serve them all; give the server and the file that declares them."""
    with EndpointServer(answer=_answer, latency_s=0.15, api_key=KEY) as server:
        file = folder / "endpoints.yaml"
        declared = {name: _declared(server, name) for name in MODELS}
        # JSON is YAML.
        file.write_text(json.dumps({"endpoints": declared}), encoding="utf-8")
        yield server, file


def _declared(server: EndpointServer, name: str) -> dict[str, object]:
    model = MODELS[name]
    path = "" if model["task"] == "custom" else "/v1"
    fields = {**model, "base_url": server.url + path, "api_key": KEY, "identity": name}
    if name in PRICES:
        asked, said = PRICES[name]
        fields["price"] = {
            "input_per_million": asked,
            "output_per_million": said,
            "currency": "EUR",
        }
    return fields


def _answer(body: Any) -> object:
    if "messages" not in body:
        (row,) = body["dataframe_split"]["data"]
        return {"compound": 0.0, "sentiment": _sentiment(str(row[0]))}
    prompt = str(body["messages"][-1]["content"])
    if body["model"] == "hostile":
        if "refuse" in prompt:
            return Reply(status=400, body={"error": {"message": f"Refused: {ATTACK}"}})
        return ATTACK
    if "response_format" not in body:
        return ANSWERS[body["model"]]
    review = prompt.rpartition("REVIEW\n")[2].removesuffix("\nRESULT")
    if len(review) % 7 == 0:
        return Reply(status=400, body={"error": {"message": "This review is not for me."}})
    return {"opinions": [_opinion(part) for part in re.split(r"[.,;:] ", review)[:2]]}


def _opinion(part: str) -> dict[str, str]:
    words = part.lower()
    about = (name for name, signs in ABOUT.items() if any(sign in words for sign in signs))
    return {
        "comment": part[:60],
        "classification": next(about, "Quality"),
        "sentiment": _sentiment(part),
    }


def _sentiment(text: str) -> str:
    words = set(re.findall(r"\w+", text.lower()))
    if words & BAD:
        return "Negative"
    return "Positive" if words & GOOD else "Neutral"
