"""The life of the server: bind, load, say where it is, serve, stop.

The port is bound before a model is loaded, so a port in use is known at once and `/health` answers
while models load. SIGTERM and SIGINT end it at any moment, with exit code 0 and no process left.
"""

from __future__ import annotations

import asyncio
import errno
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from aiohttp import web

from airquery.errors import InvalidSetting
from airquery.serve.app import make_app
from airquery.serve.fleet import Fleet
from airquery.serve.models import find_models
from airquery.serve.options import URL_PREFIX


if TYPE_CHECKING:
    from airquery.serve.options import ServeOptions


# Requests in flight have this long to end; what they asked can be asked again.
_GRACE_S = 1.0
_BACKLOG = 1024


def serve(options: ServeOptions) -> None:
    """Serve until SIGTERM or SIGINT.

    Prints one line on stdout when ready: `airquery serve: http://127.0.0.1:8077`. Must be called
    from the main thread. Raises `InvalidSetting` or `MissingPackage` for what cannot be served.
    """
    asyncio.run(_serve(options))


async def _serve(options: ServeOptions) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    fleet = Fleet(find_models(options), options)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(fleet.close)
        runner = web.AppRunner(
            make_app(fleet, token=options.token),
            access_log=None,
            # A model must not work on for a client that has gone.
            handler_cancellation=True,
            shutdown_timeout=_GRACE_S,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        url = await _bind(runner, options)
        if await _load(fleet, stopped):
            print(f"{URL_PREFIX}{url}", flush=True)  # noqa: T201 - a parent process reads it
            await stopped.wait()


async def _load(fleet: Fleet, stopped: asyncio.Event) -> bool:
    """Load the models; return False if the server was stopped meanwhile."""
    loading = asyncio.create_task(fleet.load())
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if loading.done():
        stopping.cancel()
        loading.result()
        return True
    loading.cancel()
    await asyncio.wait({loading})
    return False


async def _bind(runner: web.AppRunner, options: ServeOptions) -> str:
    """Listen, and return the URL with the real port."""
    site = web.TCPSite(runner, options.host, options.port, backlog=_BACKLOG)
    try:
        await site.start()
    except OSError as error:
        raise InvalidSetting(_bind_problem(error, options)) from error
    port = runner.addresses[0][1]
    host = f"[{options.host}]" if ":" in options.host else options.host
    return f"http://{host}:{port}"


def _bind_problem(error: OSError, options: ServeOptions) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {options.port} of {options.host} is in use. "
            "Choose another with --port; 0 takes any free one."
        )
    reason = error.strerror or str(error)
    return f"Cannot listen on {options.host}, port {options.port}: {reason}."
