"""Own certificates and proxies, over real TLS and a real proxy."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

import airquery
from airquery.endpoints.endpoint import Limits, Secret, Tls
from airquery.errors import Unreachable
from airquery.execute.proxies import proxy_for
from airquery.request import Request
from airquery.testing import EndpointServer, Reply
from tests.execute.conftest import answered, failed
from tests.execute.proxy_server import ProxyServer
from tests.execute.raw_server import RawServer, sends


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airquery.execute.run import Engine

ONCE = Limits(max_attempts=1)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def context_of(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.fixture
def private(authority: trustme.CA) -> Iterator[EndpointServer]:
    """Serve with a certificate that only the private authority vouches for."""
    with EndpointServer(tls=context_of(authority, "127.0.0.1", "llm.internal")) as server:
        yield server


def test_a_private_authority_is_not_trusted_and_the_mend_is_named(
    engine: Engine, private: EndpointServer
) -> None:
    failure = failed(engine, Request(endpoint=private.endpoint(), input="hello"))

    assert failure.message == (
        f"{private.url}/v1/chat/completions has a certificate that is not trusted (unable to get "
        "local issuer certificate). If a private authority signed it, name that authority's file "
        "in tls.ca_bundle."
    )
    assert (failure.retryable, failure.attempts, private.count) == (False, 1, 0)


def test_with_its_bundle_a_private_authority_is_trusted(
    engine: Engine, private: EndpointServer, bundle: str
) -> None:
    endpoint = private.endpoint(tls=Tls(ca_bundle=bundle))

    assert answered(engine, Request(endpoint=endpoint, input="hello")) == "hello"
    assert "reachable" in airquery.probe(endpoint)


def test_routes_of_one_engine_do_not_share_their_trust(
    engine: Engine, private: EndpointServer, bundle: str
) -> None:
    trusting = Request(endpoint=private.endpoint(tls=Tls(ca_bundle=bundle)), input="hello")
    usual = Request(endpoint=private.endpoint(revision="2"), input="hello")

    assert answered(engine, trusting) == "hello"
    assert "not trusted" in failed(engine, usual).message


def test_without_verification_anybody_is_trusted(engine: Engine, private: EndpointServer) -> None:
    endpoint = private.endpoint(tls=Tls(verify=False))

    assert answered(engine, Request(endpoint=endpoint, input="hello")) == "hello"


def test_a_certificate_for_another_name_is_told_from_one_of_an_unknown_authority(
    engine: Engine, authority: trustme.CA, bundle: str
) -> None:
    with EndpointServer(tls=context_of(authority, "another.example")) as server:
        endpoint = server.endpoint(tls=Tls(ca_bundle=bundle))
        failure = failed(engine, Request(endpoint=endpoint, input="hello"))

    assert failure.message.endswith(
        "Check base_url: it must hold a name that the certificate is for."
    )
    assert not failure.retryable


def test_a_server_that_asks_for_our_certificate_gets_it(
    engine: Engine, authority: trustme.CA, bundle: str, tmp_path: Path
) -> None:
    context = context_of(authority, "127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    own = tmp_path / "own.pem"
    authority.issue_cert("client@example.org").private_key_and_cert_chain_pem.write_to_path(
        str(own)
    )
    with EndpointServer(tls=context) as server:
        known = server.endpoint(tls=Tls(ca_bundle=bundle, client_cert=str(own)))

        assert answered(engine, Request(endpoint=known, input="hello")) == "hello"
    with RawServer(sends(b""), tls=context) as strict, EndpointServer() as server:
        unknown = server.endpoint(base_url=strict.url, tls=Tls(ca_bundle=bundle))
        failure = failed(engine, Request(endpoint=unknown, input="hello"))

    assert failure.message.endswith(
        "If it asks for a certificate of ours, name its file in tls.client_cert."
    )
    assert not failure.retryable


def test_the_environment_may_name_the_file_of_authorities(
    engine: Engine, private: EndpointServer, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", bundle)

    assert answered(engine, Request(endpoint=private.endpoint(), input="hello")) == "hello"


def test_an_environment_that_names_no_file_of_authorities_is_told(
    engine: Engine, private: EndpointServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "no.pem"))

    failure = failed(engine, Request(endpoint=private.endpoint(), input="hello"))

    assert failure.message.startswith("The file that SSL_CERT_FILE names cannot be used (No such")
    assert not failure.retryable


@pytest.mark.parametrize("field", ["ca_bundle", "client_cert"])
def test_a_file_that_is_no_certificate_is_named(
    engine: Engine, private: EndpointServer, tmp_path: Path, field: str
) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    path = str(tmp_path / "no.pem")
    tls = Tls(ca_bundle=path) if field == "ca_bundle" else Tls(client_cert=path)
    endpoint = private.endpoint(tls=tls)

    failure = failed(engine, Request(endpoint=endpoint, input="hello"))

    assert failure.message.startswith(f"tls.{field} {path!r} cannot be used")
    assert not failure.retryable


def test_a_declared_proxy_carries_the_requests(engine: Engine, server: EndpointServer) -> None:
    with ProxyServer(authorization="Basic YW5uOnB3IEAx") as proxy:
        endpoint = server.endpoint(proxy=Secret(f"http://ann:pw%20%401@{proxy.host}"))

        assert answered(engine, Request(endpoint=endpoint, input="hello")) == "hello"
        assert "reachable" in airquery.probe(endpoint)

    assert proxy.asked == [
        f"POST {server.url}/v1/chat/completions HTTP/1.1",
        f"GET {server.url}/v1/models HTTP/1.1",
    ]
    assert all("proxy-authorization" not in one.headers for one in server.requests)


def test_https_goes_through_the_proxy_unseen(
    engine: Engine, private: EndpointServer, bundle: str
) -> None:
    port = private.url.rpartition(":")[2]
    with ProxyServer() as proxy:
        endpoint = private.endpoint(
            base_url=f"https://llm.internal:{port}/v1",
            tls=Tls(ca_bundle=bundle),
            proxy=Secret(f"http://{proxy.host}"),
        )

        assert answered(engine, Request(endpoint=endpoint, input="hello")) == "hello"

    assert proxy.asked == [f"CONNECT llm.internal:{port} HTTP/1.1"]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("status", "retryable", "mend"), [(407, False, "password"), (502, True, ""), (403, False, "")]
)
def test_a_proxy_that_refuses_is_named_without_its_password(
    engine: Engine, scheme: str, status: int, *, retryable: bool, mend: str
) -> None:
    with ProxyServer(status=status) as proxy, EndpointServer() as server:
        endpoint = server.endpoint(
            base_url=f"{scheme}://llm.internal:1/v1",
            proxy=Secret(f"http://ann:hush-hush@{proxy.host}"),
            limits=ONCE,
        )
        failure = failed(engine, Request(endpoint=endpoint, input="hello"))

    assert f"HTTP {status}" in failure.message
    assert mend in failure.message
    assert failure.retryable is retryable
    assert "hush-hush" not in repr(failure)


def test_a_proxy_that_is_not_there_is_named_without_its_password(engine: Engine) -> None:
    with ProxyServer() as gone:
        proxy = Secret(f"http://ann:hush-hush@{gone.host}")
    with EndpointServer() as server:
        endpoint = server.endpoint(proxy=proxy, limits=ONCE)
        failure = failed(engine, Request(endpoint=endpoint, input="hello"))

    assert failure.message.endswith(
        "could not be reached: its proxy does not answer (Connection refused)."
    )
    assert failure.retryable
    assert "hush-hush" not in repr(failure)


def test_a_proxy_whose_name_does_not_exist_is_told_from_the_endpoint(engine: Engine) -> None:
    with EndpointServer() as server:
        endpoint = server.endpoint(proxy=Secret("http://no-such-proxy.invalid:3128"), limits=ONCE)
        failure = failed(engine, Request(endpoint=endpoint, input="hello"))

    assert "host 'no-such-proxy.invalid'" in failure.message


def test_the_environments_proxy_is_used(
    server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.url.rpartition(":")[2]
    endpoint = server.endpoint(base_url=f"http://llm.internal:{port}/v1")
    with ProxyServer() as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.host}")

        assert "reachable" in airquery.probe(endpoint)
        assert "reachable" in airquery.probe(server.endpoint())

    assert proxy.asked == [f"GET http://llm.internal:{port}/v1/models HTTP/1.1"]


def test_an_environment_whose_proxy_is_no_http_proxy_is_refused_without_showing_it(
    server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", "socks5://ann:hush-hush@proxy:1080")

    with pytest.raises(Unreachable, match="ALL_PROXY must be an http:// URL") as refused:
        airquery.probe(server.endpoint(base_url="http://llm.internal/v1"))

    assert "hush-hush" not in str(refused.value)
    assert "reachable" in airquery.probe(server.endpoint())


def test_no_cookie_is_kept(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A balancer's cookie would send every request to one of its servers."""
    with ProxyServer() as proxy, EndpointServer() as server:
        port = server.url.rpartition(":")[2]
        monkeypatch.setenv("http_proxy", f"http://{proxy.host}")
        server.script(Reply(headers={"Set-Cookie": "node=1; Path=/"}))
        for base_url in (f"{server.url}/v1", f"http://llm.internal:{port}/v1"):
            for number in range(2):
                endpoint = server.endpoint(base_url=base_url)
                answered(engine, Request(endpoint=endpoint, input=f"row {number}"))
            server.script(Reply(headers={"Set-Cookie": "node=1; Path=/"}))

        assert len(server.requests) == 4
        assert all("cookie" not in one.headers for one in server.requests)


PROXIES = {"http": "http://p:1", "all": "p:2", "no": ".corp.example, 10.0.0.0/8,b.example:81"}


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://a.example/v1", "http://p:1"),
        ("https://a.example/v1", "http://p:2"),
        ("http://corp.example", None),
        ("http://llm.corp.example:8080", None),
        ("http://notcorp.example", "http://p:1"),
        ("http://10.1.2.3", None),
        ("http://11.1.2.3", "http://p:1"),
        ("http://b.example:81", None),
        ("http://b.example:82", "http://p:1"),
        ("http://localhost:8080", None),
        ("http://model.localhost:8080", None),
        ("http://127.0.0.1:8080", None),
        ("http://[::1]:8080", None),
        ("http://a.example:99999", None),
        ("http://[a.example", None),
    ],
)
def test_the_environment_names_the_proxy_of_an_address(url: str, proxy: str | None) -> None:
    assert proxy_for(url, PROXIES) == proxy


def test_no_proxy_may_mean_everybody() -> None:
    assert proxy_for("http://a.example", {"http": "http://p:1", "no": "*"}) is None


def test_no_proxy_in_the_environment_means_none() -> None:
    assert proxy_for("http://a.example", {}) is None
