"""HTML that the server writes itself: scripts put into pages, the directory index, errors."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import quote

from wasmwright.web.server.files import MODULE_SUFFIXES, Folder

OWN: Final = "/_wasmwright"  # where the server's own pages are

# The server's own pages load nothing from elsewhere and evaluate nothing.
PAGE_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

# What may stand before the first script: then it may use WebAssembly at once.
_HEAD: Final = re.compile(
    rb"\s*(?:<!--.*?-->\s*)*(?:<!doctype[^>]*>\s*)?(?:<!--.*?-->\s*)*"
    rb"(?:<html(?:\s[^>]*)?>\s*)?(?:<!--.*?-->\s*)*(?:<head(?:\s[^>]*)?>)?",
    re.IGNORECASE | re.DOTALL,
)


def inject(html: bytes, scripts: list[str]) -> bytes:
    """A page with scripts, by URL, before all others."""
    tags = "".join(f'<script src="{escape(url)}"></script>' for url in scripts).encode()
    match = _HEAD.match(html)
    at = match.end() if match else 0
    return html[:at] + tags + html[at:]


def size(count: int) -> str:
    """A number of bytes for people."""
    if count < 1000:
        return f"{count} B"
    value, unit = count / 1000, "kB"
    for larger in ("MB", "GB"):
        if value >= 999.5:
            value, unit = value / 1000, larger
    return f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"


def page(title: str, body: str, scripts: tuple[str, ...] = ()) -> str:
    """A page of the server's own, with its bar and style."""
    tags = "".join(
        f'\n<script type="module" src="{OWN}/static/{name}"></script>' for name in scripts
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<link rel="icon" href="{OWN}/static/icon.svg">
<link rel="stylesheet" href="{OWN}/static/style.css">{tags}
<a class="skip" href="#main">Skip to content</a>
<header class="bar">
<a class="brand" href="/?list">wasmwright</a>
<nav aria-label="Tools">
<a href="/?list">Files</a><a href="{OWN}/features">Features</a><a href="{OWN}/playground">Playground</a>
</nav>
</header>
{body}
</html>
"""


def crumbs(url: str) -> str:
    """The path of a URL as links to the folders on it."""
    parts = [part for part in url.split("/") if part]
    links = ['<a href="/?list">/</a>']
    for number, part in enumerate(parts):
        if number + 1 == len(parts):
            links.append(f"<b>{escape(part)}</b>")
        else:
            href = quote("/" + "/".join(parts[: number + 1]) + "/")
            links.append(f'<a href="{href}?list">{escape(part)}</a>/')
    return f'<nav class="crumbs" aria-label="Path">{"".join(links)}</nav>'


def index(folder: Folder, directory: Path) -> str:
    """The index of a directory."""
    url = folder.url(directory)
    base = "" if url == "/" else url
    rows = []
    if url != "/":
        parent = base.rpartition("/")[0] or ""
        rows.append(f'<tr><td><a href="{quote(parent)}/?list">..</a><td><td>')
    for entry in folder.entries(directory):
        href = quote(f"{base}/{entry.name}")
        name = escape(entry.name)
        if entry.is_dir():
            rows.append(f'<tr><td><a class="dir" href="{href}/?list">{name}/</a><td><td>')
            continue
        count = f"<td class=num>{size(entry.stat().st_size)}"
        if entry.suffix.lower() in MODULE_SUFFIXES:
            rows.append(
                f'<tr><td><a class="wasm" href="{href}?source">{name}</a>{count}'
                f'<td class="acts"><a href="{href}?source">source</a> '
                f'<a href="{href}?source#run">run</a> <a href="{href}.js">as JavaScript</a> '
                f'<a href="{href}" download>download</a>'
            )
        else:
            rows.append(f'<tr><td><a href="{href}">{name}</a>{count}<td>')
    table = (
        "<table class=files><thead><tr><th scope=col>Name<th scope=col class=num>Size"
        f"<th scope=col>Modules<tbody>{''.join(rows)}</table>"
    )
    body = f'<main id="main" class="narrow">{crumbs(url)}<h1 class="sr">Files in {escape(url)}</h1>{table}</main>'
    return page(url, body, ("watch.js",))


def error(status: int, title: str, text: str) -> str:
    """A page that says what went wrong."""
    body = (
        f'<main id="main" class="narrow"><h1>{status} · {escape(title)}</h1>'
        f"<pre class=problem>{escape(text)}</pre></main>"
    )
    return page(title, body)
