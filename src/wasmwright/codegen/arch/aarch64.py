"""AArch64 (ELF and DWARF for the Arm 64-bit Architecture, AAPCS64); see :class:`codegen.arch.Arch`.

A frame record, {the caller's frame pointer, the return address}, is laid out as on x86-64, but it
is where the callee pleases among the registers that it saves.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable
from typing import Final

from wasmwright.codegen.arch import a64

_INTEGERS: Final = range(19, 29)  # x19 to x28
_FLOATS: Final = range(8, 16)  # d8 to d15

SAVED_REGISTERS: Final[tuple[int, ...]] = (*_INTEGERS, *(64 + i for i in _FLOATS))
FRAME_POINTER: Final = 29
STACK_POINTER: Final = 31
CALL_PUSHES: Final = 0
DATA_ALIGNMENT: Final = -4
PROLOGUE: Final = b""

# uc_mcontext is at 176: the fault's address, x0 to x30, sp, pc.
UCONTEXT_PC: Final = 440
UCONTEXT_FP: Final = 416
UCONTEXT_SP: Final = 432
UCONTEXT_LINK: Final = 424
UCONTEXT_MASK: Final = 40

ELF_MACHINE: Final = 183
_R_ABS64: Final = 257
_R_ABS32: Final = 258
_R_PREL64: Final = 260
_R_PREL32: Final = 261
_R_ADR_PREL_PG_HI21: Final = 275
_R_ADD_ABS_LO12_NC: Final = 277
_R_JUMP26: Final = 282
_R_CALL26: Final = 283
_R_ADR_GOT_PAGE: Final = 311
_R_LD64_GOT_LO12_NC: Final = 312
# Loads and stores at the lower bits of an address, by relocation: how they are scaled.
_SCALES: Final[dict[int, int]] = {
    278: 0,  # R_AARCH64_LDST8_ABS_LO12_NC
    284: 1,
    285: 2,
    286: 3,
    299: 4,
    _R_LD64_GOT_LO12_NC: 3,
}
WIDE_RELOCATIONS: Final = frozenset({_R_ABS64, _R_PREL64})
ABSOLUTE_RELOCATIONS: Final = frozenset({_R_ABS64, _R_ABS32})
GOT_RELOCATIONS: Final = frozenset({_R_ADR_GOT_PAGE, _R_LD64_GOT_LO12_NC})
CALL_RELOCATIONS: Final = frozenset({_R_CALL26, _R_JUMP26})

SLOT_JUMP: Final = bytes.fromhex("d0ffff58 00021fd6")  # ldr x16, . - 8; br x16
FILLER: Final = b"\0"  # four of them: udf #0


def relocate(image: bytearray, at: int, kind: int, target: int, place: int) -> bool:
    """Fills in a relocation. Pages are of 4 KiB here, whatever the system's are."""
    if kind in (_R_ABS64, _R_PREL64):
        value = target - place if kind == _R_PREL64 else target
        image[at : at + 8] = (value & (1 << 64) - 1).to_bytes(8, "little")
        return True
    if kind in (_R_ABS32, _R_PREL32):
        value = target - place if kind == _R_PREL32 else target
        if not -(1 << 31) <= value < (1 << 31 if kind == _R_PREL32 else 1 << 32):
            raise ValueError("a 32-bit address does not reach")
        image[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little")
        return True
    word = int.from_bytes(image[at : at + 4], "little")
    if kind in (_R_CALL26, _R_JUMP26):
        word |= a64.signed(target - place, 28) >> 2
    elif kind in (_R_ADR_PREL_PG_HI21, _R_ADR_GOT_PAGE):
        pages = a64.signed((target & -4096) - (place & -4096), 33) >> 12
        word |= (pages & 3) << 29 | pages >> 2 << 5
    elif kind == _R_ADD_ABS_LO12_NC:
        word |= (target & 4095) << 10
    elif kind in _SCALES:
        if target & (1 << _SCALES[kind]) - 1:
            raise ValueError("an address is not aligned")
        word |= (target & 4095) >> _SCALES[kind] << 10
    else:
        return False
    image[at : at + 4] = word.to_bytes(4, "little")
    return True


_SYS_MEMBARRIER: Final = 283
_MEMBARRIER_SYNC_CORE: Final = 1 << 5  # MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
_MEMBARRIER_REGISTER: Final = 1 << 6  # ... its registration


def instruction_cache() -> Callable[[int, int], None]:
    """Cleans the caches, and has other threads forget what they have fetched."""
    # In libgcc, since what is to be done differs between processors; glibc needs it, too.
    clear = ctypes.CDLL("libgcc_s.so.1").__clear_cache
    clear.restype = None
    clear.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
    syscall = ctypes.CDLL(None).syscall
    syscall(_SYS_MEMBARRIER, _MEMBARRIER_REGISTER, 0, 0)

    def see(address: int, size: int) -> None:
        clear(address, address + size)
        syscall(_SYS_MEMBARRIER, _MEMBARRIER_SYNC_CORE, 0, 0)

    return see


def lazy_entry() -> str:
    """A thunk has put the function's number in w16, the bridge the callable in x15, neither of
    which the calling convention uses.
    """
    integers = [(2 * i, 16 * i) for i in range(4)]
    vectors = [(2 * i, 64 + 32 * i) for i in range(4)]
    before = [
        a64.push_frame(16),
        a64.add(a64.FP, a64.SP, 0),
        a64.subtract(a64.SP, a64.SP, 192),
        *(a64.store_pair(a64.X, i, i + 1, a64.SP, at) for i, at in integers),
        *(a64.store_pair(a64.Q, i, i + 1, a64.SP, at) for i, at in vectors),
        a64.move(2, 0),
        a64.move(0, 15),
        a64.move32(1, 16),
    ]
    after = [
        a64.move(16, 0),
        *(a64.load_pair(a64.Q, i, i + 1, a64.SP, at) for i, at in vectors),
        *(a64.load_pair(a64.X, i, i + 1, a64.SP, at) for i, at in integers),
        a64.add(a64.SP, a64.FP, 0),
        a64.pop_frame(16),
        a64.branch_to(16),
    ]
    return _calling("ww_lazy_entry", before, "ww_lazy", after)


def _calling(name: str, before: list[int], callee: str, after: list[int]) -> str:
    """IR for a function of our own instructions around a call.

    (As data: for assembler text LLVM needs a part that llvmlite only has for the machine it is on.)
    """
    distance = a64.CALL_NEAR_SIZE + 4 * len(after)
    words = [*before, *a64.call_near(distance), *after]
    here = f"ptrtoint (ptr getelementptr (i8, ptr @{name}, i64 {4 * len(words)}) to i64)"
    return f"""
@{name} = constant {{ [{len(words)} x i32], i32 }} {{
  [{len(words)} x i32] [{", ".join(f"i32 {word}" for word in words)}],
  i32 trunc (i64 sub (i64 ptrtoint (ptr @{callee} to i64), i64 {here}) to i32)
}}, align 16
"""


_MOVZ_W16: Final = 0x52800010
_MOVK_W16_HIGH: Final = 0x72A00010
_B: Final = 0x14000000
_IMMEDIATE: Final = 5  # where the immediate of a move begins
LAZY_THUNK_SIZE: Final = 16
LAZY_BRIDGE_SIZE: Final = 32


def lazy_thunks(count: int, at: int, bridge: int) -> bytes:
    """The entries of uncompiled functions: movz, movk, b, and a word that is not reached."""
    size = LAZY_THUNK_SIZE
    words = array("I", bytes(size * count))
    halves = 1 << 16
    low = array("I", range(_MOVZ_W16, _MOVZ_W16 + (halves << _IMMEDIATE), 1 << _IMMEDIATE))
    words[0::4] = (low * (count // halves + 1))[:count]
    high = array("I")
    for i in range(0, count, halves):
        high.extend(array("I", [_MOVK_W16_HIGH + (i >> 16 << _IMMEDIATE)]) * min(halves, count - i))
    words[1::4] = high
    # Distances are negative, and of 26 bits.
    first = _B + (1 << 26) + (bridge - (at + 8)) // 4
    if count:
        a64.signed(bridge - (at + size * count), 28)
    words[2::4] = array("I", range(first, first - size // 4 * count, -size // 4))
    return words.tobytes()


def lazy_bridge(compiler: int, entry: int) -> bytes:
    """What all thunks of a module lead through; leaves w16 as it is."""
    return _jump_with_x15(17, compiler, entry)


def throw_entry(frame: int, pc: int, stack: int, size: int) -> str:
    """The exception and 0 end up in x0 and x1."""
    saved = [(a64.X, i) for i in _INTEGERS[::2]] + [(a64.D, i) for i in _FLOATS[::2]]
    before = [
        a64.subtract(a64.SP, a64.SP, size),
        *(a64.store_pair(k, i, i + 1, a64.SP, 16 * n) for n, (k, i) in enumerate(saved)),
        a64.store(a64.FP, a64.SP, frame),
        a64.store(a64.LINK, a64.SP, pc),
        a64.push_frame(16),
        a64.add(a64.FP, a64.SP, 0),
        a64.add(2, a64.SP, 16),
    ]
    after = [
        a64.add(a64.SP, a64.SP, 16),
        *(a64.load_pair(k, i, i + 1, a64.SP, 16 * n) for n, (k, i) in enumerate(saved)),
        a64.load(a64.FP, a64.SP, frame),
        a64.load(16, a64.SP, pc),
        a64.load(17, a64.SP, stack),
        a64.move(1, a64.ZERO),
        a64.add(a64.SP, 17, 0),
        a64.branch_to(16),
    ]
    return _calling("ww_throw", before, "ww_unwind", after)


POINTER_JUMP_SIZE: Final = 8


def pointer_jump(distance: int) -> bytes:
    """Within a MiB."""
    return a64.code([a64.load_near(16, distance), a64.branch_to(16)])


LOADED_JUMP_SIZE: Final = 32


def loaded_jump(value: int, target: int) -> bytes:
    """The value is in x15."""
    return _jump_with_x15(16, value, target)


def _jump_with_x15(register: int, value: int, target: int) -> bytes:
    words = value.to_bytes(8, "little") + target.to_bytes(8, "little")
    load = [a64.load_near(15, 16), a64.load_near(register, 20), a64.branch_to(register)]
    return a64.code([*load, 0]) + words
