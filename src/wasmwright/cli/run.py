"""``wasmwright run``: a WASI program, or one function of a plain module."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from wasmwright.cli.inputs import InputError, errors_in, read, read_binary
from wasmwright.cli.jobs import JOBS, compiling
from wasmwright.codegen.ahead import SUFFIX
from wasmwright.errors import LinkError, Trap, WasmException


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
    if profile is not None:
        _profile()
    module = _module(file, explicit_checks, deterministic)
    if eager:
        with compiling(file) as progress:
            module.compile(jobs=jobs, progress=progress)
    watched: list[Any] = []
    try:
        return _run(module, file, args, invoke, dirs, env, watched)
    except (Trap, WasmException) as error:
        if coredump is not None and watched:
            _write_coredump(coredump, error, watched[0], file)
        raise


def _profile() -> None:
    from wasmwright.runtime import perf_map

    try:
        path = perf_map.enable()
    except OSError as error:
        raise InputError(f"--profile: {error.filename}: {error.strerror}") from error
    click.echo(f"wasmwright: names of functions for perf are in {path}", err=True)


def _write_coredump(path: str, error: BaseException, instance: Any, file: str) -> None:
    from wasmwright.tools.coredump import coredump

    try:
        with open(path, "wb") as out:
            out.write(coredump(error, instance, file))
        click.echo(f"wasmwright: coredump written to {path}", err=True)
    except OSError as problem:
        click.echo(f"wasmwright: no coredump: {path}: {problem.strerror or problem}", err=True)


def _run(
    module: Any,
    file: str,
    args: tuple[str, ...],
    invoke: str | None,
    dirs: tuple[str, ...],
    env: tuple[str, ...],
    watched: list[Any],
) -> int:
    """Runs the module; ``watched`` gets the instance."""
    variables = _environment(env)
    folders = dict(map(_folder, dirs))
    if invoke is not None:
        _invoke(module, file, invoke, args, variables, folders, watched)
        return 0
    if not any(export.name == "_start" for export in module.exports):
        names = ", ".join(export.name for export in module.exports if export.kind == "func")
        raise InputError(
            f"{file}: not a WASI program (no export _start); --invoke one of: {names or 'none'}"
        )
    from wasmwright import wasi

    try:
        program = wasi.Command(module)
        result = program(
            args,
            argv0=os.path.basename(file),
            stdin="inherit",
            stdout="inherit",
            stderr="inherit",
            env=variables,
            dirs=folders,
            watch=watched.append,
        )
    except LinkError as error:
        raise InputError(f"{file}: {error}") from error
    return result.exit_code


def _module(file: str, explicit_checks: bool, deterministic: bool) -> Any:
    import wasmwright as ww

    # By its name, too: nobody is to run machine code that came as something else.
    if file.endswith(SUFFIX):
        if explicit_checks or deterministic:
            option = "--explicit-checks" if explicit_checks else "--deterministic"
            raise click.UsageError(f"{option} is an option of `wasmwright compile`, too")
        with errors_in(file):
            return ww.Module.load(read(file))
    data = read_binary(file)
    with errors_in(file):
        return ww.Module(
            data, guard=False if explicit_checks else None, deterministic=deterministic
        )


def _environment(settings: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if equals:
            found[name] = value
        elif name in os.environ:
            found[name] = os.environ[name]
    return found


def _folder(setting: str) -> tuple[str, Any]:
    from wasmwright import wasi

    host, _, guest = setting.partition("::")
    guest, _, mode = guest.partition("::")
    if mode not in ("", "ro"):
        raise click.BadParameter(f"{mode!r} is not ro", param_hint="--dir")
    folder: Any = host
    if os.path.isfile(host):
        try:
            folder = wasi.ZipDirectory(host)
        except ValueError as error:
            raise click.BadParameter(f"{host!r} is {error}", param_hint="--dir") from error
    elif not os.path.isdir(host):
        raise click.BadParameter(f"{host!r} is not a directory", param_hint="--dir")
    return guest or host, wasi.ReadOnly(folder) if mode else folder


def _invoke(
    module: Any,
    file: str,
    name: str,
    texts: tuple[str, ...],
    env: dict[str, str],
    dirs: dict[str, Any],
    watched: list[Any],
) -> None:
    import wasmwright as ww
    from wasmwright import wasi

    export = next((e for e in module.exports if e.name == name and e.kind == "func"), None)
    if export is None:
        raise InputError(f"{file}: no exported function {name!r}")
    params = export.type.params
    if len(texts) != len(params):
        raise click.UsageError(f"{name} takes {len(params)} arguments: {' '.join(params)}")
    values = [_value(text, kind) for text, kind in zip(texts, params, strict=True)]
    try:
        if any(entry.module.startswith("wasi_") for entry in module.imports):
            with wasi.Preview1(
                [os.path.basename(file)],
                env,
                stdin="inherit",
                stdout="inherit",
                stderr="inherit",
                dirs=dirs,
            ) as system:
                instance = wasi.instantiate(module, system, {})
                watched.append(instance)
                try:
                    result = instance.exports[name](*values)
                except wasi.Exit as stop:
                    system.flush()
                    sys.exit(stop.code)
                system.flush()
        else:
            instance = ww.Instance(module)
            watched.append(instance)
            result = instance.exports[name](*values)
    except LinkError as error:
        raise InputError(f"{file}: {error}") from error
    results = result if len(export.type.results) > 1 else (result,)
    for value in results[: len(export.type.results)]:
        click.echo(value.hex() if isinstance(value, bytes) else value)


_LONGEST_SHOWN = 60


def _value(text: str, kind: str) -> Any:
    try:
        if kind in ("i32", "i64"):
            bits = int(kind[1:])
            number = int(text, 0)
            if -(1 << bits - 1) <= number < 1 << bits:
                return number
        if kind in ("f32", "f64"):
            return float.fromhex(text) if "0x" in text.lower() else float(text)
        if kind == "v128":
            value = bytes.fromhex(text)
            if len(value) == 16:
                return value
    except (ValueError, OverflowError):
        pass
    shown = text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
    raise click.UsageError(f"{shown!r} is no {kind}")
