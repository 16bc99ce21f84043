"""Which proxy the environment names for an address.

`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` mean what they mean to other programs. This
machine itself is never asked for through one, so that local models are reached wherever we run.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airquery.errors import InvalidSetting


if TYPE_CHECKING:
    from collections.abc import Mapping


def proxy_for(url: str, proxies: Mapping[str, str]) -> str | None:
    """Return the proxy's URL for an address, or None to ask directly.

    Args:
        url: the address.
        proxies: what `urllib.request.getproxies` reads from the environment.

    Raises:
        InvalidSetting: the proxy is none that speaks HTTP.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # The client refuses it, with or without a proxy.
        return None
    scheme = parts.scheme if proxies.get(parts.scheme) else "all"
    proxy = proxies.get(scheme)
    host = parts.hostname or ""
    excepted = proxies.get("no", "").split(",")
    if not proxy or _local(host) or any(_matches(host, port, one) for one in excepted):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(proxy).scheme != "http":
        # The value is not shown: it may hold a password.
        raise InvalidSetting(
            f"The environment's {scheme.upper()}_PROXY must be an http:// URL. Correct it, add the "
            "endpoint's host to NO_PROXY, or set the endpoint's proxy."
        )
    return proxy


def _local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _matches(host: str, port: int | None, exception: str) -> bool:
    """Say whether one entry of `NO_PROXY` means the host: a name, its end, a network, or `*`."""
    name = exception.strip().lower().lstrip(".")
    if port is not None:
        name = name.removesuffix(f":{port}")
    if not name or name == "*":
        return name == "*"
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False)
    except ValueError:
        return host == name or host.endswith(f".{name}")
