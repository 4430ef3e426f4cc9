"""What ``wasmwright run`` does; without click, so that it begins soon."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from wasmwright.cli.inputs import InputError, UsageError, errors_in, read, read_binary
from wasmwright.codegen.ahead import SUFFIX
from wasmwright.codegen.options import DEFAULT_TIER
from wasmwright.errors import LinkError, Trap, WasmException


def run(
    file: str,
    args: Sequence[str],
    *,
    invoke: str | None = None,
    dirs: Sequence[str] = (),
    env: Sequence[str] = (),
    eager: bool = False,
    jobs: int | None = None,
    explicit_checks: bool = False,
    deterministic: bool = False,
    tier: str = DEFAULT_TIER,
    stats: bool = False,
    timeout: float | None = None,
    profile: str | None = None,
    coredump: str | None = None,
) -> int:
    """Runs the program in ``file`` and gives its exit code; `cli.run` tells of the options."""
    if profile is not None:
        _profile()
    if stats:
        _count()
    module = _module(file, explicit_checks, deterministic, tier)
    watched: list[Any] = []
    try:
        with _deadline(timeout):
            if eager:
                _compile(module, file, jobs)
            return _run(module, file, args, invoke, dirs, env, watched)
    except (Trap, WasmException) as error:
        if coredump is not None and watched:
            _write_coredump(coredump, error, watched[0], file)
        raise
    finally:
        if stats:
            _report()


def _compile(module: Any, file: str, jobs: int | None) -> None:
    from wasmwright.cli.jobs import compiling

    with compiling(file) as progress:
        module.compile(jobs=jobs, progress=progress)


def _count() -> None:
    from wasmwright.runtime import compile_log

    compile_log.enable()


def _report() -> None:
    from wasmwright.runtime import compile_log

    _say(compile_log.report())


def _deadline(seconds: float | None) -> AbstractContextManager[object]:
    import wasmwright as ww

    try:
        return nullcontext() if seconds is None else ww.deadline(seconds)
    except ValueError as error:
        raise UsageError(f"--timeout: {error}") from error


def _profile() -> None:
    from wasmwright.runtime import perf_map

    try:
        path = perf_map.enable()
    except OSError as error:
        raise InputError(f"--profile: {error.filename}: {error.strerror}") from error
    _say(f"wasmwright: names of functions for perf are in {path}")


def _write_coredump(path: str, error: BaseException, instance: Any, file: str) -> None:
    from wasmwright.tools.coredump import coredump

    try:
        with open(path, "wb") as out:
            out.write(coredump(error, instance, file))
        _say(f"wasmwright: coredump written to {path}")
    except OSError as problem:
        _say(f"wasmwright: no coredump: {path}: {problem.strerror or problem}")


def _run(
    module: Any,
    file: str,
    args: Sequence[str],
    invoke: str | None,
    dirs: Sequence[str],
    env: Sequence[str],
    watched: list[Any],
) -> int:
    """Runs the module; ``watched`` gets the instance."""
    variables = _environment(env)
    folders = dict(map(_folder, dirs))
    if invoke is not None:
        _invoke(module, file, invoke, args, variables, folders, watched)
        return 0
    if not any(export.name == "_start" for export in module.model.exports):
        names = ", ".join(export.name for export in module.exports if export.kind == "func")
        raise InputError(
            f"{file}: not a WASI program (no export _start); --invoke one of: {names or 'none'}"
        )
    from wasmwright import wasi

    try:
        program = wasi.Command(module)
        # `cli.main` had it wait for the imports, which it need not look at again and again.
        gc.freeze()
        gc.enable()
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


def _module(file: str, explicit_checks: bool, deterministic: bool, tier: str) -> Any:
    import wasmwright as ww

    # By its name, too: nobody is to run machine code that came as something else.
    if file.endswith(SUFFIX):
        if explicit_checks or deterministic:
            option = "--explicit-checks" if explicit_checks else "--deterministic"
            raise UsageError(f"{option} is an option of `wasmwright compile`, too")
        with errors_in(file):
            return ww.Module.load(read(file))
    data = read_binary(file)
    with errors_in(file):
        return ww.Module(
            data,
            guard=False if explicit_checks else None,
            deterministic=deterministic,
            tier=tier,
        )


def _environment(settings: Sequence[str]) -> dict[str, str]:
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
        raise UsageError(f"--dir: {mode!r} is not ro")
    folder: Any = host
    if os.path.isfile(host):
        try:
            folder = wasi.ZipDirectory(host)
        except ValueError as error:
            raise UsageError(f"--dir: {host!r} is {error}") from error
    elif not os.path.isdir(host):
        raise UsageError(f"--dir: {host!r} is not a directory")
    return guest or host, wasi.ReadOnly(folder) if mode else folder


def _invoke(
    module: Any,
    file: str,
    name: str,
    texts: Sequence[str],
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
        raise UsageError(f"{name} takes {len(params)} arguments: {' '.join(params)}")
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
        print(value.hex() if isinstance(value, bytes) else value)  # noqa: T201


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
    raise UsageError(f"{shown!r} is no {kind}")


def _say(message: str) -> None:
    print(message, file=sys.stderr)  # noqa: T201
