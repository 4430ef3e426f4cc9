"""The development server's application (ASGI): which URL gives what.

The folder's files are at their paths; what the server adds to them is asked for by query
(``?source``, ``?wasm``, ``?polyfill=force``) or by suffix (``x.wasm.js``). Its own pages and data
are under ``/_wasmwright/``.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route
from starlette.types import ASGIApp

from wasmwright.errors import CompileError
from wasmwright.limits import MAX_MODULE_SIZE
from wasmwright.web.ahead import NoEngineError, es_module, shared_module
from wasmwright.web.build import library
from wasmwright.web.server import features, pages
from wasmwright.web.server.compiling import CompilerError, compile_c, compiler_exists
from wasmwright.web.server.files import MODULE_SUFFIXES, Folder, media_type
from wasmwright.web.server.guard import STRICT_CSP, Guard
from wasmwright.web.server.outline import Loaded, Store, problem
from wasmwright.web.server.pages import OWN, PAGE_CSP
from wasmwright.web.server.reload import Watcher

POLYFILLS: Final = ("off", "auto", "force")
_STATIC: Final = Path(__file__).with_name("static")
# Suffixes of what modules are made from.
_SOURCES: Final = (".c", ".cc", ".cpp", ".rs", ".zig", ".ts", ".go", ".wat", ".wasm")
_MOST_SENT: Final = 8_000_000  # bytes of a request's body
_MOST_PAGE: Final = 4_000_000  # bytes of an HTML page that scripts are put into
_MOST_TEXT: Final = 3_000_000  # characters of a module's text that the editor takes
_TRANSLATIONS: Final = 16  # modules translated ahead of time that are kept

# What workers may do: those that run a module, by how they run it, and those that probe a policy.
_RUNNERS: Final = {
    "native": "'wasm-unsafe-eval'",
    "polyfill": "'unsafe-eval'",
    "ahead": "",
}
_PROBES: Final = {"eval": "'unsafe-eval'", "wasm": "'wasm-unsafe-eval'", "strict": ""}


@dataclass(frozen=True)
class Settings:
    """How a folder is served."""

    root: Path
    polyfill: str = "auto"  # one of POLYFILLS
    isolate: bool = False  # COOP and COEP, so that pages may share memory
    strict_csp: bool = False  # a policy without eval on the folder's files
    live: bool = True  # pages reload when files change
    write: bool = False  # View Source may write text modules back
    compile_c: bool = False  # the playground may run the C compiler
    hosts: tuple[str, ...] = ()  # names besides loopback's in the Host header


def create_app(settings: Settings) -> ASGIApp:
    """The application that serves a folder."""
    server = _Server(settings)
    routes = [
        Route(f"{OWN}/wasmwright.js", server.library),
        Route(f"{OWN}/live.js", server.live_script),
        Route(f"{OWN}/runner.js", server.worker("how", _RUNNERS, "native")),
        Route(f"{OWN}/probe.js", server.worker("policy", _PROBES, "strict")),
        Route(f"{OWN}/static/{{name}}", server.static),
        Route(f"{OWN}/reload", server.reload),
        Route(f"{OWN}/features", server.shell("Features", "features")),
        Route(f"{OWN}/features.json", server.features),
        Route(f"{OWN}/playground", server.shell("Playground", "playground")),
        Route(f"{OWN}/settings.json", server.settings),
        Route(f"{OWN}/module", server.module),
        Route(f"{OWN}/module/{{id}}/problem", server.problem),
        Route(f"{OWN}/module/{{id}}/function/{{number:int}}", server.function),
        Route(f"{OWN}/module/{{id}}/places/{{number:int}}", server.places),
        Route(f"{OWN}/module/{{id}}/item/{{section:int}}/{{number:int}}", server.item),
        Route(f"{OWN}/module/{{id}}/text", server.text),
        Route(f"{OWN}/module/{{id}}.wasm", server.binary),
        Route(f"{OWN}/module/{{id}}.js", server.ahead),
        Route(f"{OWN}/assemble", server.assemble, methods=["POST"]),
        Route(f"{OWN}/compile", server.compile, methods=["POST"]),
        Route(f"{OWN}/save", server.save, methods=["POST"]),
        Route(f"{OWN}/{{path:path}}", server.unknown),
        Route("/{path:path}", server.file),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _error_page})
    return Guard(app, settings.hosts, settings.isolate)


async def _error_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    html = "text/html" in request.headers.get("accept", "")
    titles = {404: "Not found", 405: "Wrong method"}
    title = titles.get(error.status_code, "That did not work")
    if html:
        text = pages.error(error.status_code, title, error.detail)
        return _own(HTMLResponse(text, error.status_code))
    return PlainTextResponse(error.detail + "\n", error.status_code)


def _own(response: Response) -> Response:
    """A page of the server's own: under its strict policy."""
    response.headers["content-security-policy"] = PAGE_CSP
    return response


def _json(data: Any, status: int = 200) -> Response:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, media_type="application/json")


def _unprocessable(error: CompileError, text: bytes | None = None) -> Response:
    return _json({"error": problem(error, text)}, 422)


class _Server:
    """The handlers, and what they share."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._folder = Folder(settings.root)
        self._watcher = Watcher(self._folder)
        self._store = Store()
        self._translated: dict[str, str] = {}
        self._library: str | None = None

    # The server's own pages and scripts

    def shell(self, title: str, name: str) -> Callable[[Request], Any]:
        """The handler of a page that a script fills."""

        async def show(request: Request) -> Response:
            return _own(HTMLResponse(pages.page(title, _fragment(name), (f"{name}.js",))))

        return show

    async def unknown(self, request: Request) -> Response:
        raise HTTPException(404, "the server has no such page of its own")

    async def static(self, request: Request) -> Response:
        path = _STATIC / str(request.path_params["name"])
        if path.suffix == ".html" or not path.is_file():
            raise HTTPException(404, "the server has no such file of its own")
        return _own(FileResponse(path, media_type=media_type(path)))

    async def library(self, request: Request) -> Response:
        """The polyfill, which acts where WebAssembly is missing; with ``?force`` everywhere."""
        if self._library is None:
            self._library = await run_in_threadpool(library)
        text = self._library
        if "force" in request.query_params:
            text += "wasmwright.install(globalThis, { force: true });\n"
        return Response(text, media_type="text/javascript")

    async def live_script(self, request: Request) -> Response:
        return FileResponse(_STATIC / "live.js", media_type="text/javascript")

    def worker(self, key: str, policies: dict[str, str], default: str) -> Callable[[Request], Any]:
        """The handler of a worker's script: its policy is its response's, chosen by a query."""

        async def show(request: Request) -> Response:
            policy = policies.get(request.query_params.get(key, default))
            if policy is None:
                raise HTTPException(404, f"{key} is one of {', '.join(policies)}")
            name = request.url.path.rpartition("/")[2]
            response = FileResponse(_STATIC / name, media_type="text/javascript")
            response.headers["content-security-policy"] = (
                f"default-src 'none'; script-src 'self' {policy}; connect-src 'self'"
            )
            return response

        return show

    async def reload(self, request: Request) -> Response:
        return StreamingResponse(self._watcher.events(), media_type="text/event-stream")

    async def features(self, request: Request) -> Response:
        return _json(await run_in_threadpool(features.table))

    async def settings(self, request: Request) -> Response:
        return _json(
            {
                "compileC": self._settings.compile_c and compiler_exists(),
                "compileCAllowed": self._settings.compile_c,
                "write": self._settings.write,
            }
        )

    # Modules that are looked at

    async def module(self, request: Request) -> Response:
        """The outline of the module in a file of the folder."""
        path = self._find(request.query_params.get("path", ""))
        if path.suffix.lower() not in MODULE_SUFFIXES:
            raise HTTPException(404, "that is no module")
        data = await run_in_threadpool(_read, path)
        return await self._outline(data, self._folder.url(path), self._beside(path))

    def _beside(self, path: Path) -> list[str]:
        """The URLs of what a module may have been made from: files beside it of the same name."""
        names = [path.with_suffix(suffix).name for suffix in _SOURCES if suffix != path.suffix]
        folder = self._folder.url(path.parent).rstrip("/")
        return [f"{folder}/{name}" for name in names if self._folder.find(f"{folder}/{name}")]

    async def assemble(self, request: Request) -> Response:
        """The outline of the module in the text, or binary, that was sent."""
        data = await _body(request)
        return await self._outline(data, request.query_params.get("title", "edited"))

    async def compile(self, request: Request) -> Response:
        """The outline of what the C compiler makes of the source that was sent."""
        if not self._settings.compile_c:
            raise HTTPException(403, "start the server with --compile-c to compile C here")
        source = await _body(request)
        try:
            binary = await run_in_threadpool(compile_c, source)
        except CompilerError as error:
            return _json({"error": {"message": str(error), "kind": "C", "notes": error.notes}}, 422)
        return await self._outline(binary, "main.c")

    async def _outline(self, data: bytes, title: str, beside: list[str] | None = None) -> Response:
        """The outline of a module: with what is beside its file, or with its validity if it was sent."""

        def outline() -> Any:
            loaded = self._store.load(data, title)
            found = loaded.outline()
            if beside is None:
                return {**found, "problem": loaded.problem()}
            return {**found, "beside": beside}

        try:
            return _json(await run_in_threadpool(outline))
        except CompileError as error:
            return _unprocessable(error, data)

    def _known(self, request: Request) -> Loaded:
        loaded = self._store.get(str(request.path_params["id"]))
        if loaded is None:
            raise HTTPException(404, "the server does not know this module any more: load it again")
        return loaded

    async def problem(self, request: Request) -> Response:
        loaded = self._known(request)
        return _json({"problem": await run_in_threadpool(loaded.problem)})

    async def function(self, request: Request) -> Response:
        loaded = self._known(request)
        fold = "fold" in request.query_params
        try:
            text = await run_in_threadpool(
                loaded.function, int(request.path_params["number"]), fold
            )
        except IndexError:
            raise HTTPException(404, "the module has no such function") from None
        return PlainTextResponse(text)

    async def places(self, request: Request) -> Response:
        """Where a function is from, with the lines of files that are beside the module."""
        loaded = self._known(request)
        try:
            found = await run_in_threadpool(loaded.places, int(request.path_params["number"]))
        except IndexError:
            raise HTTPException(404, "the module has no such function") from None
        files = {file for _, file, _, _ in found}
        texts = await run_in_threadpool(
            lambda: {file: self._source_text(loaded.title, file) for file in files}
        )
        rows = []
        for offset, file, line, name in found:
            url, lines = texts[file]
            text = lines[line - 1] if 0 < line <= len(lines) else None
            rows.append(
                {
                    "offset": offset,
                    "file": file,
                    "line": line,
                    "url": url,
                    "text": text,
                    "name": name,
                }
            )
        return _json(rows)

    def _source_text(self, module: str, file: str) -> tuple[str | None, list[str]]:
        """The URL of a source file that is in the folder, beside the module, and its lines."""
        path = self._folder.find(
            posixpath.join(posixpath.dirname(module), posixpath.basename(file))
        )
        if path is None or path.is_dir() or path.suffix in MODULE_SUFFIXES:
            return None, []
        text = path.read_bytes()[:_MOST_PAGE].decode("utf-8", "replace")
        return self._folder.url(path), text.splitlines()

    async def item(self, request: Request) -> Response:
        loaded = self._known(request)
        params = request.path_params
        try:
            text = await run_in_threadpool(
                loaded.item, int(params["section"]), int(params["number"])
            )
        except IndexError:
            raise HTTPException(404, "the module has no such item") from None
        return PlainTextResponse(text)

    async def text(self, request: Request) -> Response:
        """The text for the editor: as it came, or printed."""
        loaded = self._known(request)
        if loaded.text is not None:
            return Response(loaded.text, media_type="text/plain; charset=utf-8")
        if len(loaded.binary) > _MOST_TEXT // 8:
            raise HTTPException(413, f"too large to edit here: {pages.size(len(loaded.binary))}")
        from wasmwright.text import print_module

        fold = "fold" in request.query_params
        text = await run_in_threadpool(lambda: print_module(loaded.module, fold=fold))
        if len(text) > _MOST_TEXT:
            raise HTTPException(413, f"too large to edit here: {len(text)} characters of text")
        return PlainTextResponse(text)

    async def binary(self, request: Request) -> Response:
        return Response(self._known(request).binary, media_type="application/wasm")

    async def ahead(self, request: Request) -> Response:
        return await self._translate(self._known(request))

    async def save(self, request: Request) -> Response:
        """Writes a text module back, if that was allowed."""
        if not self._settings.write:
            raise HTTPException(403, "start the server with --write to save here")
        path = self._find(request.query_params.get("path", ""))
        if path.suffix.lower() != ".wat":
            raise HTTPException(403, "only .wat files are written")
        data = await _body(request)
        try:
            await run_in_threadpool(self._store.load, data, self._folder.url(path))
        except CompileError as error:
            return _unprocessable(error, data)
        await run_in_threadpool(path.write_bytes, data)
        return _json({"saved": self._folder.url(path)})

    # The folder's files

    def _find(self, url: str) -> Path:
        path = self._folder.find(url)
        if path is None or path.is_dir():
            raise HTTPException(404, f"there is no file {url}")
        return path

    async def file(self, request: Request) -> Response:
        query = request.query_params
        url = "/" + str(request.path_params["path"])
        path = self._folder.find(url)
        if "isolate" in query:
            request.scope["wasmwright.isolate"] = True
        if path is None:
            response = await self._made(url, "shared" in query)
        elif path.is_dir():
            if not url.endswith("/"):
                rest = f"?{request.url.query}" if request.url.query else ""
                # Relative: an absolute path with two slashes would name another host.
                return RedirectResponse(f"{path.name}/{rest}", 307)
            start = path / "index.html"
            if "list" in query or self._folder.find(f"{url}index.html") is None:
                return _own(HTMLResponse(await run_in_threadpool(pages.index, self._folder, path)))
            response = await self._page(start, query)
        elif path.suffix.lower() in MODULE_SUFFIXES and "source" in query:
            body = _fragment("source")
            title = f"{path.name} · source"
            return _own(HTMLResponse(pages.page(title, pages.crumbs(url) + body, ("source.js",))))
        elif path.suffix.lower() == ".wat" and "wasm" in query:
            response = await self._assembled(path)
        elif path.suffix.lower() in (".html", ".htm"):
            response = await self._page(path, query)
        else:
            response = FileResponse(path, media_type=media_type(path))
        if self._settings.strict_csp or "csp" in query:
            response.headers["content-security-policy"] = STRICT_CSP
        return response

    async def _page(self, path: Path, query: Any) -> Response:
        """An HTML page with the scripts that were asked for."""
        scripts = []
        polyfill = query.get("polyfill", self._settings.polyfill)
        if polyfill not in POLYFILLS:
            raise HTTPException(400, f"?polyfill is one of {', '.join(POLYFILLS)}")
        if polyfill != "off":
            scripts.append(f"{OWN}/wasmwright.js" + ("?force" if polyfill == "force" else ""))
        if self._settings.live:
            scripts.append(f"{OWN}/live.js")
        if not scripts or path.stat().st_size > _MOST_PAGE:
            return FileResponse(path, media_type=media_type(path))
        html = await run_in_threadpool(path.read_bytes)
        return Response(pages.inject(html, scripts), media_type="text/html; charset=utf-8")

    async def _assembled(self, path: Path) -> Response:
        data = await run_in_threadpool(_read, path)
        try:
            loaded = await run_in_threadpool(Loaded, data, path.name)
        except CompileError as error:
            return PlainTextResponse(f"{path.name}: {error}\n", 422)
        return Response(loaded.binary, media_type="application/wasm")

    async def _made(self, url: str, shared: bool) -> Response:
        """What is not a file: ``x.wasm.js`` is the ES module that ``x.wasm`` is translated to;
        with ``?shared`` its code alone, for the polyfill.
        """
        stem, dot, suffix = url.rpartition(".")
        path = self._folder.find(stem) if dot and suffix in ("js", "mjs") else None
        if path is None or path.is_dir() or path.suffix.lower() not in MODULE_SUFFIXES:
            raise HTTPException(404, f"there is no file {url}")
        data = await run_in_threadpool(_read, path)
        try:
            loaded = await run_in_threadpool(self._store.load, data, self._folder.url(path))
        except CompileError as error:
            return PlainTextResponse(f"{path.name}: {error}\n", 422)
        return await self._translate(loaded, shared)

    async def _translate(self, loaded: Loaded, shared: bool = False) -> Response:
        key = f"{loaded.id}{' shared' * shared}"
        text = self._translated.get(key)
        if text is None:
            translate = shared_module if shared else es_module
            try:
                text = await run_in_threadpool(translate, loaded.binary)
            except CompileError as error:
                return PlainTextResponse(f"{error}\n", 422)
            except NoEngineError as error:
                return PlainTextResponse(f"{error}\n", 501)
            while len(self._translated) >= _TRANSLATIONS:
                del self._translated[next(iter(self._translated))]
            self._translated[key] = text
        return Response(text, media_type="text/javascript")


def _fragment(name: str) -> str:
    return (_STATIC / f"{name}.html").read_text(encoding="utf-8")


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_MODULE_SIZE:
        raise HTTPException(413, "module too large")
    return path.read_bytes()


async def _body(request: Request) -> bytes:
    """The body of a request, which must not be too long."""
    parts = []
    length = 0
    async for part in request.stream():
        length += len(part)
        if length > _MOST_SENT:
            raise HTTPException(413, f"too long: over {_MOST_SENT} bytes")
        parts.append(part)
    return b"".join(parts)
