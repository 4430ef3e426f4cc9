"""``wasmwright js``: a module to JavaScript, ahead of time."""

from __future__ import annotations

from pathlib import Path

import click

from wasmwright.cli.inputs import InputError, errors_in, read_binary, write
from wasmwright.cli.options import FILE, OUTPUT


@click.command("js")
@OUTPUT
@click.option(
    "-O",
    "level",
    type=click.IntRange(0, 2),
    default=1,
    show_default=True,
    help="0: to be read, a statement a line; 1: compact code; 2: the shortest file.",
)
@click.option("--min", "minify", is_flag=True, help="The same as -O2.")
@click.option("--types", is_flag=True, help="Also write TypeScript declarations beside the output.")
@click.option("--shared", is_flag=True, help="Only the code, for the polyfill: see docs/web.md.")
@click.option(
    "--engine",
    type=click.Choice(["node", "quickjs"]),
    help="The JavaScript engine that runs the translator; the first that is there by default.",
)
@FILE
def command(
    file: str,
    output: str | None,
    level: int,
    minify: bool,
    types: bool,
    shared: bool,
    engine: str | None,
) -> None:
    """Translate FILE to an ES module that exports instantiate(imports).

    \b
    wasmwright js add.wasm -o add.mjs
    import { instantiate } from "./add.mjs"; instantiate({}).add(2, 3)

    The result needs neither WebAssembly nor eval. Translating needs node or the package quickjs.
    """
    from wasmwright.web.ahead import NoEngineError, es_module, shared_module
    from wasmwright.web.declarations import declarations

    if types and (output is None or output == "-"):
        raise click.UsageError("--types needs an output file: give one with -o")
    if shared and (types or minify or level != 1):
        raise click.UsageError(
            "--shared has no runtime and no types: leave out -O, --min and --types"
        )
    binary = read_binary(file)
    with errors_in(file):
        try:
            if shared:
                text = shared_module(binary, engine=engine)
            else:
                text = es_module(binary, engine=engine, level=2 if minify else level)
        except NoEngineError as error:
            raise InputError(str(error)) from error
        write(output, text)
        if types:
            assert output is not None
            path = Path(output)
            suffix = ".d.mts" if path.suffix == ".mjs" else ".d.ts"
            write(str(path.with_suffix(suffix)), declarations(binary))
