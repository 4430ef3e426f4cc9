"""``wasmwright compile``: a module with its machine code, ahead of time."""

from __future__ import annotations

import os

import click

from wasmwright.cli.inputs import InputError, errors_in, read_binary, write
from wasmwright.cli.jobs import JOBS, compiling
from wasmwright.errors import WasmError


@click.command("compile")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    help="Write to this file; by default it is named like FILE, with .wwc at its end.",
)
@click.option(
    "--target",
    metavar="ARCH",
    help="Compile for x86_64, aarch64 or riscv64 instead of this architecture.",
)
@click.option(
    "--cpu",
    metavar="CPU",
    help="For x86_64, x86-64-v2 (the default), x86-64-v3, x86-64-v4, or native: this very machine. "
    "For others, what LLVM calls it.",
)
@click.option("--fuel", is_flag=True, help="Have instructions consume fuel.")
@click.option(
    "--explicit-checks", is_flag=True, help="Check bounds by comparison, not guard pages."
)
@click.option("--deterministic", is_flag=True, help="Follow the spec's deterministic profile.")
@JOBS
@click.argument("file", type=click.Path(dir_okay=False))
def command(
    file: str,
    output: str | None,
    target: str | None,
    cpu: str | None,
    fuel: bool,
    explicit_checks: bool,
    deterministic: bool,
    jobs: int | None,
) -> None:
    """Compile FILE ahead of time, to a file that runs without a compiler.

    `wasmwright run` and `ww.Module.load` run it, without llvmlite and without the cache. It is
    machine code for this version of wasmwright, this version of Python, and the CPU of --cpu or a
    newer one; -j does not change it. Like a shared library, run it only if you trust who made it.

    \b
    wasmwright compile prog.wasm
    wasmwright compile prog.wasm --target aarch64 -o prog.arm64.wwc
    """
    import wasmwright as ww
    from wasmwright.codegen.ahead import SUFFIX

    if output is None:
        if file == "-":
            raise click.UsageError("give a file with -o for standard input")
        output = os.path.splitext(file)[0] + SUFFIX
    data = read_binary(file)
    with errors_in(file):
        module = ww.Module(
            data,
            guard=False if explicit_checks else None,
            fuel=fuel,
            deterministic=deterministic,
        )
    try:
        with compiling(file) as progress:
            made = module.serialize(target=target, cpu=cpu, jobs=jobs, progress=progress)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except WasmError as error:
        raise InputError(f"{file}: {error}") from error
    write(output, made)
