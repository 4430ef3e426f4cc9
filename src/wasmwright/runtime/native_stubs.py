"""The stubs of each signature in this process: compiled beforehand, by LLVM, or generic ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from wasmwright.codegen import vm
from wasmwright.codegen.arch import HERE
from wasmwright.codegen.llvm import stub_signature
from wasmwright.codegen.llvm.stub_signature import NAME
from wasmwright.codegen.objects import Arena, LoadedObject, ObjectError
from wasmwright.errors import PlatformError
from wasmwright.runtime import fallback
from wasmwright.runtime import native_parts as parts
from wasmwright.runtime.llvm import CompilerError

Stub = tuple[int, int]


class Stubs:
    """Addresses of the entry stub and the host stub of each signature key.

    ``ready`` has the symbols that were compiled beforehand. ``load`` gives the object of that name,
    with the stubs of several keys, or raises PlatformError.
    """

    def __init__(
        self,
        arena: Arena,
        ready: Mapping[str, int],
        load: Callable[[str, list[str]], LoadedObject],
    ) -> None:
        self._arena = arena
        self._ready = ready
        self._load = load
        self._found: dict[str, Stub] = {}
        self._generic: set[str] = set()  # keys of those that are not the best there may be
        self._compiles = f"entry_{NAME}" not in ready
        # Reentrant: what a finaliser does may interrupt the thread that holds it.
        self._lock = threading.RLock()

    @property
    def prebuilt(self) -> set[str]:
        """The keys of those that were compiled beforehand."""
        prefix = "entry_"
        keys = {each.removeprefix(prefix) for each in self._ready if each.startswith(prefix)}
        return keys - {NAME}

    def use_compiler(self) -> None:
        """Has stubs compiled by LLVM from now on, where they were not beforehand.

        Calls through the generic ones take up to twice as long. What has one keeps it.
        """
        if self._compiles:
            return
        with self._lock:
            self._compiles = True
            for key in self._generic:
                del self._found[key]
            self._generic.clear()

    def find(self, key: str) -> Stub:
        """The entry stub and the host stub of a signature key."""
        found = self._found.get(key)
        if found is None:
            with self._lock:
                found = self._found.get(key)
                if found is None:
                    self._find(key)
                    found = self._found[key]
        return found

    def _find(self, key: str) -> None:
        if f"entry_{key}" in self._ready:
            self._take(self._ready, [key])
            return
        shipped = parts.shipped_stubs(key)
        name = shipped or parts.stubs_name([key])
        if shipped or self._compiles:
            keys = name.split()[1:]
            try:
                self._take(self._load(name, keys).symbols, keys)
                return
            except (CompilerError, ObjectError) as error:
                fallback.note(f"the {name}", error)
                if f"entry_{NAME}" not in self._ready or not fallback.allowed():
                    raise
            except PlatformError:  # there is no LLVM
                if f"entry_{NAME}" not in self._ready:
                    raise
        self._found[key] = self._make_generic(key)
        self._generic.add(key)

    def _take(self, symbols: Mapping[str, int], keys: list[str]) -> None:
        for key in keys:
            self._found[key] = symbols[f"entry_{key}"], symbols[f"host_{key}"]
            self._generic.discard(key)

    def _make_generic(self, key: str) -> Stub:
        signature = stub_signature.describe(key)
        first = -len(signature) % HERE.LOADED_JUMP_SIZE + len(signature)
        size = first + 2 * HERE.LOADED_JUMP_SIZE
        base = self._arena.allocate(size)
        places = []
        code = signature.ljust(first, b"\0")
        for kind in ("entry", "host"):
            places.append(base + len(code))
            code += HERE.loaded_jump(base, self._ready[f"{kind}_{NAME}"])
        vm.write(base, code)
        vm.make_executable(base, size)
        return places[0], places[1]
