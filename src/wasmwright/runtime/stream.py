"""Compiling a module while it arrives: unit by unit, as bodies are found valid."""

from __future__ import annotations

import functools
from dataclasses import replace

from wasmwright import tuning
from wasmwright.codegen import abi
from wasmwright.codegen.options import Options
from wasmwright.model.module import PASSIVE, Module
from wasmwright.model.parts import Data
from wasmwright.runtime import fallback
from wasmwright.runtime.code import ModuleCode, all_by_stencils, made
from wasmwright.runtime.jobs import Pool
from wasmwright.runtime.llvm import CompilerError
from wasmwright.validate.stream import StreamChecker


class StreamCompiler:
    """Compiles what a :class:`StreamChecker` has checked, in ``jobs`` threads.

    The units are those of ``ModuleCode.compile_all``. A module's layout counts its data segments,
    which come after the code: where no data count section tells their number before, all is left
    to be compiled in the end.
    """

    def __init__(self, checker: StreamChecker, guard: bool, options: Options, jobs: int) -> None:
        self._checker = checker
        self._guard = guard
        self._options = options
        self._begins = not all_by_stencils(options)  # stencils take no time worth beginning early
        self._level = tuning.EAGER_LEVEL if options.level is None else options.level
        self._pool = Pool(jobs)
        self._groups: list[list[int]] = []
        self._seen = 0  # bodies that are in a group, or in the one that is being filled
        self._group: list[int] = []
        self._size = 0
        self._head: Module | None = None
        self._layout: abi.Layout | None = None
        self._whole: Module | None = None

    def advance(self) -> None:
        """Begins to compile what has been checked since the last time."""
        head = self._checker.head
        if not self._begins or head is None or head.data_count is None:
            return
        if self._head is None:
            segment = Data(1, PASSIVE, 0, None, 0, 0)
            self._head = replace(head, datas=(segment,) * head.data_count)
            self._layout = abi.Layout(self._head)
        codes = self._checker.codes
        while self._seen < len(codes):
            code = codes[self._seen]
            self._group.append(head.imported_funcs + self._seen)
            self._size += code.end - code.start
            self._seen += 1
            if self._size >= tuning.EAGER_UNIT:
                task = functools.partial(self._compile, self._group)
                self._pool.add(len(self._groups), task)
                self._groups.append(self._group)
                self._group, self._size = [], 0

    def _compile(self, group: list[int]) -> bytes:
        # Only now is it known what has come, so that few copies of it are there at a time.
        module = self._whole
        if module is None:
            assert self._head is not None
            data, codes = self._checker.snapshot()
            module = self._whole or replace(self._head, data=data, codes=codes)
        assert self._layout is not None
        try:
            return made(module, self._layout, group, self._guard, self._options, self._level)
        except CompilerError:
            if not fallback.allowed():
                raise
            return b""  # who compiles what is left tries again, and knows what to do then

    def finish(self, code: ModuleCode) -> None:
        """Gives ``code`` what was compiled of it, once that is all that was begun."""
        self._whole = code.module
        for number, data in self._pool.outcomes():
            if data:
                code.adopt(self._groups[number], data)

    def stop(self) -> None:
        """Begins nothing more."""
        self._pool.stop()
