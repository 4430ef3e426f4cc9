"""What the parts of the runtime below LLVM have to know of the architecture, a module for each.

Numbers and pieces of machine code: whoever needs one asks :func:`of` for an
architecture's module, or takes :data:`HERE`, this machine's. Stencils have their own
(``codegen.baseline``). All is for Linux with glibc.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from wasmwright.codegen import cpu

if TYPE_CHECKING:
    from wasmwright.codegen.arch import aarch64, x86_64


class Arch(Protocol):
    """What each module has."""

    # -- frames: in terms of DWARF's register numbers
    SAVED_REGISTERS: tuple[int, ...]
    """What a function saves for its caller, but the frame pointer."""
    FRAME_POINTER: int
    STACK_POINTER: int
    CALL_PUSHES: int
    """Bytes of return address that a call puts on the stack: 0 where it is in a register."""
    DATA_ALIGNMENT: int
    """The unit of offsets in LLVM's tables of frames."""
    PROLOGUE: bytes
    """How a function begins that sets up its frame first of all; empty where that differs."""

    # -- where ucontext_t keeps registers and the signal mask
    UCONTEXT_PC: int
    UCONTEXT_FP: int
    UCONTEXT_SP: int
    UCONTEXT_LINK: int
    """The register with the return address, or 0 where that is on the stack."""
    UCONTEXT_MASK: int

    # -- objects
    ELF_MACHINE: int
    WIDE_RELOCATIONS: frozenset[int]
    """Those of 64 bits; all others have 32."""
    ABSOLUTE_RELOCATIONS: frozenset[int]
    """Those that depend on where the object is."""
    GOT_RELOCATIONS: frozenset[int]
    """Those whose target is a pointer to the symbol."""
    CALL_RELOCATIONS: frozenset[int]
    """Those whose target may be a jump to the symbol, too."""
    SLOT_JUMP: bytes
    """Machine code that jumps through the pointer which stands right before it."""

    # -- machine code
    LAZY_BRIDGE_SIZE: int
    LAZY_THUNK_SIZE: int
    POINTER_JUMP_SIZE: int
    LOADED_JUMP_SIZE: int
    FILLER: bytes
    """What no control reaches: an instruction that traps."""

    def relocate(self, image: bytearray, at: int, kind: int, target: int, place: int) -> bool:
        """Fills in the relocation at ``image[at:]``, which will be at the address ``place``.

        False for a kind that is not known; ValueError where the target is too far.
        """

    def instruction_cache(self) -> Callable[[int, int], None] | None:
        """What has all threads see code that was written, by its address and size.

        None where they do that by themselves.
        """

    def lazy_entry(self) -> str:
        """LLVM IR of ``ww_lazy_entry``: see ``codegen.llvm.native_calls``."""

    def lazy_bridge(self, compiler: int, entry: int) -> bytes:
        """Machine code that goes on to ``entry``, as ``ww_lazy_entry`` expects it.

        ``compiler`` is the Python callable that gives a function's code by its number.
        """

    def lazy_thunks(self, count: int, at: int, bridge: int) -> bytes:
        """The machine code, to stand at address ``at``, of the entries of uncompiled functions.

        Each is ``LAZY_THUNK_SIZE`` bytes; they lead to ``bridge``, which is at a lower address.
        """

    def throw_entry(self, frame: int, pc: int, stack: int, size: int) -> str:
        """LLVM IR of ``ww_throw``: see ``codegen.llvm.native_throw``.

        Offsets into a register file of ``size`` bytes, which begins with the saved registers.
        """

    def pointer_jump(self, distance: int) -> bytes:
        """A jump through a pointer that is ``distance`` bytes beyond the jump's first one."""

    def loaded_jump(self, value: int, target: int) -> bytes:
        """A jump to ``target`` with a value where LLVM's ``nest`` parameters are."""


if TYPE_CHECKING:
    _X86_64: Arch = x86_64
    _AARCH64: Arch = aarch64

_NAMES: Final = ("x86_64", "aarch64")


def names() -> tuple[str, ...]:
    """The architectures that there is a module of."""
    return _NAMES


def of(name: str) -> Arch:
    """An architecture's module; KeyError if there is none."""
    if name not in _NAMES:
        raise KeyError(name)
    return cast(Arch, import_module(f"wasmwright.codegen.arch.{name}"))


# (Where there is no module, nothing of it is used: `runtime.native.check_platform`.)
HERE: Final = of(cpu.machine() if cpu.machine() in _NAMES else _NAMES[0])
