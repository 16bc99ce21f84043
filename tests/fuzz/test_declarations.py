"""Whatever a file, a variable or a setting holds: it is read, or refused without being shown."""

from __future__ import annotations

import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import example, given, strategies as st

from airquery.endpoints.allowed import VARIABLE, read, refusal
from airquery.endpoints.declaration import endpoint_from_fields
from airquery.endpoints.declared import from_environment, from_file
from airquery.endpoints.redaction import address
from airquery.errors import ConfigurationError, InvalidEndpoint, InvalidSetting
from airquery.execute.proxies import proxy_for
from airquery.journal.address import hide_passwords, place, without_password
from airquery.settings import Settings
from tests.fuzz.drawing import cut_and_mixed, examples, spoilt


FIELDS = {
    "task": "chat",
    "base_url": "https://${HOST}/v1",
    "model": "m",
    "api_key": "${KEY}",
    "headers": {"X-A": "hush-header"},
    "query": {"api-version": 1.5},
    "tls": {"verify": False},
    "proxy": "http://me:hush-proxy@proxy.example:3128",
    "limits": {"concurrency": 4, "requests_per_minute": 60, "deadline_s": 5.5, "hedge": True},
    "price": {"input_per_million": 0.15, "currency": "USD"},
    "timeout_s": 30,
}
ENVIRON = {"HOST": "h.example", "KEY": "hush-key"}
FILE = yaml.safe_dump(
    {"endpoints": {"llm": FIELDS, "two": FIELDS}, "functions": {"default": "llm"}}
)
JOURNALS = [
    "sqlite:////tmp/journal.db",
    "sqlite:///~/journal.db",
    "postgresql://me:hush%2Fword@host.example:5432/db?sslmode=require&password=hush",
    "postgres+psycopg2:///db?host=/var/run&sslpassword=hush",
]
ADDRESSES = [
    "https://me:hush@host.example:8443/v1/../a?key=hush#f",
    "http://[::1%25eth0]:80/%2e%2e/",
    "https://bücher.example./a\\b",
    "//*.example",
]


@given(spoilt(FIELDS))
@examples(60)
def test_any_fields_are_an_endpoint_with_finite_limits_or_refused(fields: Any) -> None:
    try:
        endpoint = endpoint_from_fields("llm", fields, source="Python", environ=ENVIRON)
    except InvalidEndpoint as problem:
        assert "hush-key" not in str(problem)
        return
    assert "hush" not in repr(endpoint)
    numbers = [endpoint.timeout_s, endpoint.limits.deadline_s]
    assert all(math.isfinite(number) and number > 0 for number in numbers)
    prices = [endpoint.price.input_per_million, endpoint.price.output_per_million]
    assert all(math.isfinite(price) and price >= 0 for price in prices)


@given(cut_and_mixed(FILE) | st.binary(max_size=40).map(lambda one: one.decode("latin-1")))
@example("endpoints: " + "[" * 3000)
@examples(60)
def test_any_file_is_read_or_refused_without_being_shown(text: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "endpoints.yaml"
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            from_file(file)
        except ConfigurationError as problem:
            assert "hush-proxy" not in str(problem)
        else:
            assert file.exists()


@given(cut_and_mixed(json.dumps(FIELDS)) | st.text(max_size=40))
@examples(60)
def test_any_variable_is_read_or_refused_without_being_shown(text: str) -> None:
    try:
        found = from_environment({"AIRQUERY_ENDPOINT_LLM": text})
    except ConfigurationError as problem:
        assert "hush-proxy" not in str(problem)
    else:
        assert set(found) <= {"llm"}


@given(st.sampled_from(JOURNALS).flatmap(cut_and_mixed) | st.text(max_size=30))
@example("sqlite:////" + "d" * 300)
@examples(60)
def test_any_journal_is_a_place_or_refused(url: str) -> None:
    try:
        settings = Settings.read(home="/tmp/airquery-fuzz", journal=url)  # noqa: S108
    except InvalidSetting as problem:
        assert str(problem)
        return
    if settings.journal.startswith("postgres"):
        shown = (place(settings.journal), without_password(settings.journal))
        assert all(shown)
        hide_passwords(f"cannot reach {settings.journal}", settings.journal)


@given(st.sampled_from(ADDRESSES).flatmap(cut_and_mixed) | st.text(max_size=30))
@examples(60)
def test_any_address_is_compared_shown_and_led_through_a_proxy_or_refused(url: str) -> None:
    assert isinstance(address(url), str)
    try:
        allowed = read({VARIABLE: url})
    except InvalidSetting as problem:
        assert "hush" not in str(problem)
        allowed = read({VARIABLE: "https://host.example"})
    assert refusal(url, allowed) is None or VARIABLE in str(refusal(url, allowed))
    try:
        proxy = proxy_for(url, {"https": url, "http": url, "no": url})
    except InvalidSetting as problem:
        assert "hush" not in str(problem)
    else:
        assert proxy is None or "://" in proxy
