"""AArch64 (ELF and DWARF for the Arm 64-bit Architecture, AAPCS64); see :class:`codegen.arch.Arch`.

A frame record, {the caller's frame pointer, the return address}, is laid out as on x86-64, but it
is where the callee pleases among the registers that it saves.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable
from typing import Final

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
        word |= _signed(target - place, 28) >> 2
    elif kind in (_R_ADR_PREL_PG_HI21, _R_ADR_GOT_PAGE):
        pages = _signed((target & -4096) - (place & -4096), 33) >> 12
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


def _signed(value: int, bits: int) -> int:
    if not -(1 << bits - 1) <= value < 1 << bits - 1:
        raise ValueError("a relative address does not reach")
    return value & (1 << bits) - 1


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


def lazy_entry() -> list[str]:
    """A thunk has put the function's number in w16, the bridge the callable in x15, neither of
    which the calling convention uses.
    """
    integers = [(2 * i, 16 * i) for i in range(4)]
    vectors = [(2 * i, 64 + 32 * i) for i in range(4)]
    return [
        ".text",
        ".globl ww_lazy_entry",
        ".type ww_lazy_entry, @function",
        ".p2align 4",
        "ww_lazy_entry:",
        "stp x29, x30, [sp, #-16]!",
        "mov x29, sp",
        "sub sp, sp, #192",
        *(f"stp x{i}, x{i + 1}, [sp, #{at}]" for i, at in integers),
        *(f"stp q{i}, q{i + 1}, [sp, #{at}]" for i, at in vectors),
        "mov x2, x0",
        "mov x0, x15",
        "mov w1, w16",
        "bl ww_lazy",
        "mov x16, x0",
        *(f"ldp q{i}, q{i + 1}, [sp, #{at}]" for i, at in vectors),
        *(f"ldp x{i}, x{i + 1}, [sp, #{at}]" for i, at in integers),
        "mov sp, x29",
        "ldp x29, x30, [sp], #16",
        "br x16",
        ".size ww_lazy_entry, . - ww_lazy_entry",
    ]


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
        _signed(bridge - (at + size * count), 28)
    words[2::4] = array("I", range(first, first - size // 4 * count, -size // 4))
    return words.tobytes()


def lazy_bridge(compiler: int, entry: int) -> bytes:
    """What all thunks of a module lead through; leaves w16 as it is."""
    return _jump_with_x15(17, compiler, entry)


def throw_entry(frame: int, pc: int, stack: int, size: int) -> list[str]:
    """The exception and 0 end up in x0 and x1."""
    saved = [(f"x{i}", f"x{i + 1}") for i in _INTEGERS[::2]]
    saved += [(f"d{i}", f"d{i + 1}") for i in _FLOATS[::2]]
    return [
        ".text",
        ".globl ww_throw",
        ".type ww_throw, @function",
        ".p2align 4",
        "ww_throw:",
        f"sub sp, sp, #{size}",
        *(f"stp {one}, {two}, [sp, #{16 * i}]" for i, (one, two) in enumerate(saved)),
        f"str x29, [sp, #{frame}]",
        f"str x30, [sp, #{pc}]",
        "stp x29, x30, [sp, #-16]!",
        "mov x29, sp",
        "add x2, sp, #16",
        "bl ww_unwind",
        "add sp, sp, #16",
        *(f"ldp {one}, {two}, [sp, #{16 * i}]" for i, (one, two) in enumerate(saved)),
        f"ldr x29, [sp, #{frame}]",
        f"ldr x16, [sp, #{pc}]",
        f"ldr x17, [sp, #{stack}]",
        "mov x1, xzr",
        "mov sp, x17",
        "br x16",
        ".size ww_throw, . - ww_throw",
    ]


POINTER_JUMP_SIZE: Final = 8


def pointer_jump(distance: int) -> bytes:
    """Within a MiB."""
    return _load(16, distance) + _branch(16)


LOADED_JUMP_SIZE: Final = 32


def loaded_jump(value: int, target: int) -> bytes:
    """The value is in x15."""
    return _jump_with_x15(16, value, target)


def _jump_with_x15(register: int, value: int, target: int) -> bytes:
    words = value.to_bytes(8, "little") + target.to_bytes(8, "little")
    code = _load(15, 16) + _load(register, 20) + _branch(register) + bytes(4)
    return code + words


def _load(register: int, distance: int) -> bytes:
    """``ldr x<register>, . + distance``."""
    return (0x58000000 | _signed(distance, 21) >> 2 << 5 | register).to_bytes(4, "little")


def _branch(register: int) -> bytes:
    """``br x<register>``."""
    return (0xD61F0000 | register << 5).to_bytes(4, "little")
