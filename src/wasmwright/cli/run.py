"""``wasmwright run``: a WASI program, or one function of a plain module."""

from __future__ import annotations

import click

from wasmwright.cli import program
from wasmwright.cli.jobs import JOBS
from wasmwright.codegen.options import DEFAULT_TIER, TIERS


@click.command(
    "run",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--invoke", metavar="NAME", help="Call this export instead of running a program.")
@click.option(
    "--dir",
    "dirs",
    metavar="HOST[::GUEST[::ro]]",
    multiple=True,
    help="Let the program see a directory, under the name GUEST (or its own), with ::ro for "
    "reading only; or the content of a zip file.",
)
@click.option(
    "--env",
    "env",
    metavar="NAME[=VALUE]",
    multiple=True,
    help="Set an environment variable, or pass the host's on.",
)
@click.option("--eager", is_flag=True, help="Compile all functions before anything runs.")
@JOBS
@click.option(
    "--explicit-checks", is_flag=True, help="Check bounds by comparison, not guard pages."
)
@click.option(
    "--deterministic",
    is_flag=True,
    help="The same bits on every machine where the spec leaves NaNs and relaxed vectors open.",
)
@click.option(
    "--tier",
    type=click.Choice(TIERS),
    default=DEFAULT_TIER,
    show_default=True,
    help="Who compiles: stencils at once, LLVM, or LLVM what is hot.",
)
@click.option(
    "--stats", is_flag=True, help="Say at the end what was compiled when, by what, in how long."
)
@click.option(
    "--timeout",
    type=float,
    metavar="SECONDS",
    help="Stop the program after this time, compiling included.",
)
@click.option(
    "--profile",
    type=click.Choice(["perf"]),
    help="Have `perf` see the names of compiled functions, through /tmp/perf-PID.map.",
)
@click.option(
    "--coredump",
    type=click.Path(dir_okay=False),
    help="Write the state of the program there if it traps.",
)
@click.argument("file", type=click.Path(dir_okay=False))
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(
    file: str,
    args: tuple[str, ...],
    invoke: str | None,
    dirs: tuple[str, ...],
    env: tuple[str, ...],
    eager: bool,
    jobs: int | None,
    explicit_checks: bool,
    deterministic: bool,
    tier: str,
    stats: bool,
    timeout: float | None,
    profile: str | None,
    coredump: str | None,
) -> int:
    """Run FILE with ARGS.

    A WASI program gets ARGS, this terminal, the variables of --env and the directories of
    --dir, and nothing else; its exit code is ours. With --invoke, ARGS are the function's
    arguments and its results are printed, one a line.

    \b
    wasmwright run --dir . prog.wasm input.txt
    wasmwright run --dir data::/data::ro --env LANG=C prog.wasm /data/input.txt
    wasmwright run --invoke add math.wasm 2 3
    perf record -g wasmwright run --profile perf prog.wasm

    A FILE whose name ends with .wwc is machine code that `wasmwright compile` made: run it only
    if you trust who did.
    """
    return program.run(
        file,
        args,
        invoke=invoke,
        dirs=dirs,
        env=env,
        eager=eager,
        jobs=jobs,
        explicit_checks=explicit_checks,
        deterministic=deterministic,
        tier=tier,
        stats=stats,
        timeout=timeout,
        profile=profile,
        coredump=coredump,
    )
