"""A redirect takes neither key nor prompt anywhere: requests to endpoints follow none."""

from __future__ import annotations

import base64
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

import airquery
from airquery.endpoints.endpoint import Endpoint, Limits, OAuth, Secret, Tls
from airquery.errors import Unreachable
from airquery.request import Request
from tests.execute.conftest import failed
from tests.execute.raw_server import RawServer, framed, sends


if TYPE_CHECKING:
    from pathlib import Path

    from airquery.execute.run import Engine

KEY = "sk-never-to-another-host"
STATUSES = (301, 302, 303, 307, 308)


def redirects(status: int, location: str) -> bytes:
    return (
        f"HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    )


def endpoint_at(url: str, **changes: object) -> Endpoint:
    fields: dict[str, object] = {
        "api_key": Secret(KEY),
        "headers": {"X-Second": Secret(KEY)},
        "limits": Limits(max_attempts=2),
        **changes,
    }
    return Endpoint(name="llm", task="chat", base_url=url, model="m", **fields)  # type: ignore[arg-type]  # names come from the tests


def test_no_redirect_is_followed_to_another_port_or_host(engine: Engine) -> None:
    with RawServer(sends(framed(b"{}"))) as other:
        port = other.url.rpartition(":")[2]
        places = [other.url, f"http://localhost:{port}/v1", f"//127.0.0.1:{port}/"]
        scripts = [sends(redirects(status, place)) for status in STATUSES for place in places]
        with RawServer(*scripts) as first:
            failures = [
                failed(engine, Request(endpoint=endpoint_at(first.url, revision=str(n)), input="p"))
                for n in range(len(scripts))
            ]

    assert (first.count, other.count) == (len(scripts), 0)
    assert {failure.http_status for failure in failures} == set(STATUSES)
    assert not any(KEY in str(failure) or failure.retryable for failure in failures)


def test_no_redirect_is_followed_on_the_same_host_either(engine: Engine) -> None:
    """A chain would need its first step; a relative one could be the first to another host."""
    with RawServer(
        sends(redirects(307, "/second")), sends(redirects(307, "//evil.invalid"))
    ) as one:
        failure = failed(engine, Request(endpoint=endpoint_at(one.url), input="p"))

    assert one.count == 1
    assert f"at {one.url}/second: correct the endpoint's base_url." in failure.message


def test_no_redirect_is_followed_from_https_to_http(engine: Engine, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    tls = Tls(ca_bundle=str(bundle))

    with (
        RawServer(sends(framed(b"{}"))) as plain,
        RawServer(sends(redirects(308, plain.url)), tls=context) as encrypted,
    ):
        failure = failed(engine, Request(endpoint=endpoint_at(encrypted.url, tls=tls), input="p"))

    assert (encrypted.count, plain.count, failure.http_status) == (1, 0, 308)


def test_neither_a_probe_nor_the_fetching_of_a_token_follows_one(engine: Engine) -> None:
    with (
        RawServer(sends(framed(b"{}"))) as other,
        RawServer(sends(redirects(307, other.url))) as one,
    ):
        oauth = OAuth(client_id="c", client_secret=Secret(KEY), token_url=f"{one.url}/token")
        with pytest.raises(Unreachable, match="HTTP 307"):
            airquery.probe(endpoint_at(one.url))
        failure = failed(
            engine, Request(endpoint=endpoint_at(one.url, api_key=None, oauth=oauth), input="p")
        )

    assert (one.count, other.count) == (2, 0)
    assert "Check oauth.token_url." in failure.message


def test_a_download_follows_redirects_and_leaves_the_user_of_its_url_behind(tmp_path: Path) -> None:
    """Data is fetched from where it lies; what stands before the '@' is for the first host only."""
    into = tmp_path / "data.csv"
    with RawServer(sends(framed(b"a,b"))) as other:
        port = other.url.rpartition(":")[2]
        with RawServer(sends(redirects(302, f"http://localhost:{port}/data"))) as first:
            airquery.fetch(first.url.replace("http://", "http://me:hush@") + "/data.csv", into)

    pair = base64.b64encode(b"me:hush")
    assert into.read_bytes() == b"a,b"
    assert pair in first.heads[0]
    assert pair not in other.heads[0]
    assert b"authorization" not in other.heads[0].lower()
