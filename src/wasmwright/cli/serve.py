"""``wasmwright serve``: a folder over HTTP, for development."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import click

from wasmwright.cli.inputs import InputError


@click.command("serve")
@click.option("-p", "--port", default=8000, show_default=True, help="0 is any that is free.")
@click.option(
    "--polyfill",
    type=click.Choice(["off", "auto", "force"]),
    default="auto",
    show_default=True,
    help="Put the polyfill into pages: to act where WebAssembly is missing, or everywhere.",
)
@click.option("--isolate", is_flag=True, help="Send COOP and COEP, which SharedArrayBuffer needs.")
@click.option("--strict-csp", is_flag=True, help="Serve DIR under a policy without eval and wasm.")
@click.option("--no-reload", is_flag=True, help="Do not reload pages when files change.")
@click.option("--write", is_flag=True, help="Let View Source write .wat files back.")
@click.option("--compile-c", is_flag=True, help="Let the playground compile C, with ziglang.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="Answer to this Host name too.")
@click.argument("directory", metavar="DIR", default=".")
def command(
    directory: str,
    port: int,
    polyfill: str,
    isolate: bool,
    strict_csp: bool,
    no_reload: bool,
    write: bool,
    compile_c: bool,
    allow_host: tuple[str, ...],
) -> None:
    """Serve DIR on this machine's loopback address, with View Source for modules.

    \b
    wasmwright serve examples/
    http://localhost:8000/plugin.wasm?source

    Queries act on one page: ?polyfill=force, ?isolate, ?csp, and ?wasm on a .wat. /x.wasm.js is
    x.wasm as JavaScript. Needs starlette and uvicorn: pip install 'wasmwright[serve]'.
    """
    try:
        import uvicorn

        from wasmwright.web.server.app import Settings, create_app
    except ImportError as error:
        raise InputError(f"{error.name} is missing: pip install 'wasmwright[serve]'") from error

    if not os.path.isdir(directory):
        raise InputError(f"{directory}: not a directory")
    settings = Settings(
        root=Path(directory),
        polyfill=polyfill,
        isolate=isolate,
        strict_csp=strict_csp,
        live=not no_reload,
        write=write,
        compile_c=compile_c,
        hosts=allow_host,
    )
    listener = _listen(port)
    address = listener.getsockname()
    click.echo(f"Serving {directory} at http://localhost:{address[1]}/ (Ctrl-C stops)")
    config = uvicorn.Config(
        create_app(settings),
        log_level="warning",
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    with listener:
        uvicorn.Server(config).run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    """A socket on loopback, and on nothing else."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise InputError(f"port {port} is in use: give another with --port") from error
        raise InputError(f"port {port}: {error}") from error
    return listener
