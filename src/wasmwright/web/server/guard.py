"""What every request and response goes through: who may ask, and what browsers are told.

A page from elsewhere reaches a server on loopback by a name that resolves to it (DNS rebinding) or
by a request across origins. The first has a foreign ``Host``, the second says so in ``Origin`` or
``Sec-Fetch-Site``. Neither is answered, reading as little as writing: what is asked for can take
seconds to make, and which files there are is nobody's business. Links are followed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")

_ALWAYS: Final = {
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
}
ISOLATION: Final = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
}
# What `--strict-csp` and `?csp` say for the folder's own files.
STRICT_CSP: Final = (
    "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; "
    "img-src 'self' data: blob:"
)
_SAFE_METHODS: Final = ("GET", "HEAD")


class Guard:
    """Middleware around the application; ``hosts`` are names it answers to besides loopback's."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str], isolate: bool) -> None:
        self._app = app
        self._hosts = frozenset([*LOOPBACK, *(host.lower() for host in hosts)])
        self._isolate = isolate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses what is foreign; adds headers to what is not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            status, text = refusal
            await PlainTextResponse(text + "\n", status)(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                wanted: dict[str, Any] = dict(_ALWAYS)
                if self._isolate or scope.get("wasmwright.isolate"):
                    wanted.update(ISOLATION)
                for name, value in wanted.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-cache")
            await send(message)

        await self._app(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and text for a request that is not answered."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1:
            return 400, "a request has one Host"
        name = host_name(hosts[0])
        if name is None or name not in self._hosts:
            return 421, f"this server does not answer to {hosts[0]!r}: see --allow-host"
        if _is_link(scope["method"], headers):
            return None
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != hosts[0].lower():
            return 403, "refused: the request comes from another origin"
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "refused: the request comes from another site"
        return None


def _is_link(method: str, headers: Headers) -> bool:
    """Whether a browser opens a page, in no frame: wherever the link to it is, it changes nothing
    here, and the page that it is in cannot look at what comes.
    """
    if method not in _SAFE_METHODS or "origin" in headers:
        return False
    return (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == (
        "navigate",
        "document",
    )


def host_name(host: str) -> str | None:
    """The name in a ``Host`` header, without the port and in lower case; None if it is none."""
    try:
        parts = urlsplit(f"//{host}")
        port_is_fine = parts.port is None or parts.port >= 0
    except ValueError:
        return None
    if not port_is_fine or parts.username is not None or set(host) & set("/?#"):
        return None
    return parts.hostname
