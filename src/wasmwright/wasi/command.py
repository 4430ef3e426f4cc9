"""Running WASI programs: `run` and `Command`, in the manner of `subprocess.run`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from wasmwright.errors import LinkError
from wasmwright.records import Record
from wasmwright.wasi.abi import MODULE, MODULE_UNSTABLE, SIGNATURES
from wasmwright.wasi.clocks import Clocks
from wasmwright.wasi.preview1 import DEFAULT_OUTPUT_LIMIT, Argument, Dirs, Preview1
from wasmwright.wasi.process_calls import Exit
from wasmwright.wasi.random import Random
from wasmwright.wasi.streams import CaptureStream, StreamInput, StreamOutput

if TYPE_CHECKING:
    from socket import socket

    from wasmwright.api import Limits, Snapshot

_NOTE_SIZE = 2_000  # bytes

Imports = Mapping[str, Mapping[str, Any]]


class Result(Record):
    """How a program ended. Output is empty where it was not captured.

    `truncated` says that output went over the limit; the guest got ENOSPC for the rest.
    """

    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""
    truncated: bool = False

    def check(self) -> Result:
        """Give the result back, or raise `ExitError` if the exit code is not 0."""
        if self.exit_code != 0:
            raise ExitError(self)
        return self


class ExitError(Exception):
    """A program ended with an exit code other than 0 (`Result.check`); `result` says how."""

    def __init__(self, result: Result) -> None:
        last = result.stderr.decode(errors="replace").rstrip().rpartition("\n")[2]
        super().__init__(f"exit code {result.exit_code}" + (f": {last:.200}" if last else ""))
        self.result = result


class Command:
    """A WASI program, compiled once and run any number of times: `Command(source)(args)`.

    source: a `Module` or what makes one: bytes, a path, text. A str is a path unless it begins
    as the text format does. Raises what `Module` raises, and LinkError if a WASI function is
    imported with another type than it has.
    """

    def __init__(self, source: Any) -> None:
        from wasmwright.api import Module  # the engine costs time to import, the CLI's help none

        self.name = "program.wasm"
        if isinstance(source, os.PathLike) or (isinstance(source, str) and not _is_text(source)):
            from pathlib import Path

            source = Path(source)
            self.name = source.name
        self.module: Any = source if isinstance(source, Module) else Module(source)
        check_imports(self.module.imports)

    def __repr__(self) -> str:
        return f"<wasi.Command {self.name}>"

    def __call__(
        self,
        args: Iterable[Argument] = (),
        *,
        argv0: str | None = None,
        stdin: StreamInput = None,
        stdout: StreamOutput = None,
        stderr: StreamOutput = None,
        env: Mapping[str, str] | None = None,
        dirs: Dirs | None = None,
        sockets: Iterable[socket] = (),
        clocks: Clocks | None = None,
        random: Random | None = None,
        output_limit: int = DEFAULT_OUTPUT_LIMIT,
        limits: Limits | None = None,
        timeout: float | None = None,
        imports: Imports | None = None,
        watch: Callable[[Any], object] | None = None,
    ) -> Result:
        """Run to the end in a new instance, which `watch` is called with before it runs.

        The other parameters are those of `run`.
        """
        if isinstance(args, (str, bytes)):
            raise TypeError("args are a list, of which each item is one argument")
        wasi = Preview1(
            [self.name if argv0 is None else argv0, *args],
            env,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            dirs=dirs,
            sockets=sockets,
            clocks=clocks,
            random=random,
            output_limit=output_limit,
        )
        with wasi:
            code = 0
            try:
                with _deadline(timeout):
                    self._instantiate(wasi, imports, limits, "_start", watch)()
            except Exit as exit_:
                code = exit_.code
            except Exception as error:
                _note_stderr(error, wasi)
                raise
            finally:
                wasi.flush()
            return _result(wasi, code)

    def _instantiate(
        self,
        wasi: Preview1,
        imports: Imports | None,
        limits: Limits | None,
        entry: str,
        watch: Callable[[Any], object] | None = None,
    ) -> Callable[..., Any]:
        instance = instantiate(self.module, wasi, imports, limits=limits)
        if watch is not None:
            watch(instance)
        function: Callable[..., Any] | None = Mapping.get(instance.exports, entry)
        if function is None:
            raise LinkError(
                f"no export named {entry}: {self.name} is not a WASI command"
                + (" (it is a reactor)" if "_initialize" in instance.exports else "")
            )
        return function


def run(
    source: Any,
    args: Iterable[Argument] = (),
    *,
    argv0: str | None = None,
    stdin: StreamInput = None,
    stdout: StreamOutput = None,
    stderr: StreamOutput = None,
    env: Mapping[str, str] | None = None,
    dirs: Dirs | None = None,
    sockets: Iterable[socket] = (),
    clocks: Clocks | None = None,
    random: Random | None = None,
    output_limit: int = DEFAULT_OUTPUT_LIMIT,
    limits: Limits | None = None,
    timeout: float | None = None,
    imports: Imports | None = None,
) -> Result:
    """Run a WASI program to its end.

        >>> wasi.run("cat.wasm", ["/data/x"], dirs={"/data": "samples"}).stdout

    source: a path, bytes, text or `Module`. args: what follows the program's name, which is
    `argv0` or else the name of the file. stdin: bytes, a file object, a host descriptor, or
    "inherit"; empty by default. stdout, stderr: "capture" (the default, at most `output_limit`
    bytes each), "inherit", "null", a file object, a descriptor, or a function that takes bytes;
    stderr may be "stdout". env: the whole environment, empty by default. dirs: guest path to host
    path (or `ReadOnly(path)`, or a `Directory`), all that the program can reach of any file
    system. sockets: open sockets of the host, see `Preview1`. clocks, random: the system's, or
    fixed ones for reproducible runs. limits: bounds on memories and tables. timeout: seconds,
    compiling included, after which the program is stopped with InterruptError, waiting or not.
    imports: further imports, module name to name to value.

    Gives a `Result`, whatever the exit code; `.check()` makes it an exception. A trap, or an
    exception of a Python stream or import, comes out as itself, with the end of captured standard
    error as a note.
    """
    return Command(source)(
        args,
        argv0=argv0,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env=env,
        dirs=dirs,
        sockets=sockets,
        clocks=clocks,
        random=random,
        output_limit=output_limit,
        limits=limits,
        timeout=timeout,
        imports=imports,
    )


def instantiate(
    module: Any,
    wasi: Preview1,
    imports: Imports | None = None,
    *,
    limits: Limits | None = None,
    snapshot: Snapshot | None = None,
) -> Any:
    """An `Instance` of `module` linked to `wasi`, its memory bound; for reactors, initialised.

    With a snapshot it begins there (`Module.restore`) and is not initialised; open descriptors,
    arguments and so on are those of `wasi`, not of the instance that the snapshot is of.

    The memory is the export "memory", or else one among `imports`. LinkError where there is none
    and a WASI function is imported. Does not call `_start`.
    """
    from wasmwright.api import Instance, Memory
    from wasmwright.runtime import interrupts

    wasi.interruptible(interrupts.check)
    check_imports(module.imports)
    namespace: dict[str, dict[str, Any]] = dict(wasi.imports())
    for module_name, names in (imports or {}).items():
        namespace[module_name] = {**namespace.get(module_name, {}), **names}
    for item in module.imports:
        given = namespace.get(item.module, {}).get(item.name)
        if isinstance(given, Memory):
            wasi.bind(given)
            break

    def bind(instance: Any) -> None:
        memory = Mapping.get(instance.exports, "memory")
        if memory is not None:
            wasi.bind(memory)

    if snapshot is None:
        instance = Instance(module, namespace, limits=limits, before_start=bind)
    else:
        instance = module.restore(snapshot, namespace, limits=limits)
        bind(instance)
    if wasi.memory is None and any(_is_wasi(item) for item in module.imports):
        raise LinkError('no export named memory: a WASI module must export its memory as "memory"')
    initialize = Mapping.get(instance.exports, "_initialize")
    if initialize is not None and snapshot is None:
        initialize()
    return instance


def _deadline(seconds: float | None) -> AbstractContextManager[object]:
    from wasmwright.runtime import interrupts

    return nullcontext() if seconds is None else interrupts.Deadline(seconds)


def check_imports(imports: Iterable[Any]) -> None:
    """Compare imported WASI functions with their types in the interface: LinkError.

    Names that WASI does not have are left to the linker, which lists all that is missing.
    """
    for item in imports:
        expected = SIGNATURES.get(item.name) if _is_wasi(item) else None
        if expected is None:
            continue
        params = getattr(item.type, "params", None)
        results = getattr(item.type, "results", None)
        found = None if params is None else (_names(params), _names(results or ()))
        if found != expected:
            raise LinkError(
                f"incompatible import type: {item.module}.{item.name} is "
                f"{_show(expected)}, the module imports it as "
                + (_show(found) if found else f"{item.type}")
            )


def _is_wasi(item: Any) -> bool:
    return item.module in (MODULE, MODULE_UNSTABLE)


def _names(types: Iterable[Any]) -> tuple[str, ...]:
    return tuple(str(item) for item in types)


def _show(signature: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
    params, results = signature
    return f"[{' '.join(params)}] -> [{' '.join(results)}]"


def _is_text(source: str) -> bool:
    return source.lstrip().startswith(("(", ";;"))


def _note_stderr(error: Exception, wasi: Preview1) -> None:
    """Tell with a trap what the program said last; otherwise captured output would be lost."""
    if isinstance(wasi.stderr, CaptureStream) and wasi.stderr.data:
        said = wasi.stderr.data[-_NOTE_SIZE:].decode(errors="replace").rstrip()
        error.add_note(f"standard error of the program:\n{said}")


def _result(wasi: Preview1, code: int) -> Result:
    stdout, stderr = wasi.stdout, wasi.stderr
    captured_out = stdout if isinstance(stdout, CaptureStream) else None
    captured_err = stderr if isinstance(stderr, CaptureStream) and stderr is not stdout else None
    return Result(
        exit_code=code,
        stdout=captured_out.data if captured_out else b"",
        stderr=captured_err.data if captured_err else b"",
        truncated=any(item is not None and item.truncated for item in (captured_out, captured_err)),
    )
