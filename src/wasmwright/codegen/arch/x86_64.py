"""x86-64 (System V ABI, AMD64 supplement); what each is: :class:`codegen.arch.Arch`."""

from __future__ import annotations

from array import array
from typing import Final

SAVED_REGISTERS: Final[tuple[int, ...]] = (3, 12, 13, 14, 15)  # rbx, r12 to r15
FRAME_POINTER: Final = 6
STACK_POINTER: Final = 7
CALL_PUSHES: Final = 8
DATA_ALIGNMENT: Final = -8
PROLOGUE: Final = b"\x55\x48\x89\xe5"  # push rbp; mov rbp, rsp

UCONTEXT_PC: Final = 168
UCONTEXT_FP: Final = 120
UCONTEXT_SP: Final = 160
UCONTEXT_LINK: Final = 0
UCONTEXT_MASK: Final = 296

ELF_MACHINE: Final = 62
_R_64: Final = 1
_R_PC32: Final = 2
_R_PLT32: Final = 4
_R_GOTPCREL: Final = 9
_R_32: Final = 10
_R_32S: Final = 11
_R_PC64: Final = 24
_R_GOTPCRELX: Final = 41
_R_REX_GOTPCRELX: Final = 42
WIDE_RELOCATIONS: Final = frozenset({_R_64, _R_PC64})
ABSOLUTE_RELOCATIONS: Final = frozenset({_R_64, _R_32, _R_32S})
GOT_RELOCATIONS: Final = frozenset({_R_GOTPCREL, _R_GOTPCRELX, _R_REX_GOTPCRELX})
CALL_RELOCATIONS: Final = frozenset({_R_PLT32, _R_PC32})
_RELATIVE: Final = GOT_RELOCATIONS | CALL_RELOCATIONS | {_R_PC64}

SLOT_JUMP: Final = bytes.fromhex("ff25f2ffffff") + b"\xcc\xcc"  # jmp [rip - 14]
FILLER: Final = b"\xcc"  # int3


def relocate(image: bytearray, at: int, kind: int, target: int, place: int) -> bool:
    """Fills in a relocation."""
    value = target - place if kind in _RELATIVE else target
    if kind in WIDE_RELOCATIONS:
        image[at : at + 8] = (value & (1 << 64) - 1).to_bytes(8, "little")
        return True
    if kind == _R_32:
        if not 0 <= value < 1 << 32:
            raise ValueError("a 32-bit address does not reach")
    elif kind == _R_32S or kind in _RELATIVE:
        if not -(1 << 31) <= value < 1 << 31:
            raise ValueError("a relative address does not reach")
    else:
        return False
    image[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little")
    return True


def instruction_cache() -> None:
    """It follows what is written."""


def lazy_entry() -> str:
    """A thunk has put the function's number in eax, the bridge the callable in r10, neither of
    which the calling convention uses.
    """
    vectors = [f"movups [rsp + {16 * i}], xmm{i}" for i in range(8)]
    restore = [f"movups xmm{i}, [rsp + {16 * i}]" for i in range(8)]
    return _assembled(
        ".intel_syntax noprefix",
        ".text",
        ".globl ww_lazy_entry",
        ".type ww_lazy_entry, @function",
        ".p2align 4",
        "ww_lazy_entry:",
        "push rbp",
        "mov rbp, rsp",
        "push rdi",
        "push rsi",
        "push rdx",
        "push rcx",
        "push r8",
        "push r9",
        "sub rsp, 128",
        *vectors,
        "mov rdx, rdi",
        "mov rdi, r10",
        "mov esi, eax",
        "call ww_lazy",
        "mov r11, rax",
        *restore,
        "add rsp, 128",
        "pop r9",
        "pop r8",
        "pop rcx",
        "pop rdx",
        "pop rsi",
        "pop rdi",
        "pop rbp",
        "jmp r11",
        ".size ww_lazy_entry, . - ww_lazy_entry",
        ".att_syntax",
    )


def _assembled(*lines: str) -> str:
    return "\n" + "".join(f'module asm "{line}"\n' for line in lines)


# Of a thunk's four words, those that are not its number and its distance: a nop of three bytes and
# then `mov eax, number` and `jmp distance`.
_MOV: Final = 0xB8001F0F
_JMP: Final = 0xE9001F0F
LAZY_THUNK_SIZE: Final = 16
LAZY_BRIDGE_SIZE: Final = 32


def lazy_thunks(count: int, at: int, bridge: int) -> bytes:
    """The entries of uncompiled functions."""
    size = LAZY_THUNK_SIZE
    words = array("I", bytes(size * count))
    words[0::4] = array("I", [_MOV]) * count
    words[1::4] = array("I", range(count))
    words[2::4] = array("I", [_JMP]) * count
    # Distances count from the end of a thunk; they are negative.
    first = (1 << 32) + bridge - (at + size)
    words[3::4] = array("I", range(first, first - size * count, -size))
    return words.tobytes()


def lazy_bridge(compiler: int, entry: int) -> bytes:
    """What all thunks of a module lead through."""
    return loaded_jump(compiler, entry)


def throw_entry(frame: int, pc: int, stack: int, size: int) -> str:
    """The exception and 0 end up in rax and rdx."""
    registers = ("rbx", "r12", "r13", "r14", "r15")
    return "\ndeclare void @ww_throw(ptr, ptr)\n" + _assembled(
        ".intel_syntax noprefix",
        ".text",
        ".globl ww_throw",
        ".type ww_throw, @function",
        ".p2align 4",
        "ww_throw:",
        "push rbp",
        "mov rbp, rsp",
        f"sub rsp, {size}",
        *(f"mov [rsp + {8 * i}], {name}" for i, name in enumerate(registers)),
        "mov rax, [rbp]",
        f"mov [rsp + {frame}], rax",
        "mov rax, [rbp + 8]",
        f"mov [rsp + {pc}], rax",
        "mov rdx, rsp",
        "call ww_unwind",
        *(f"mov {name}, [rsp + {8 * i}]" for i, name in enumerate(registers)),
        f"mov rbp, [rsp + {frame}]",
        f"mov rcx, [rsp + {pc}]",
        "xor edx, edx",
        f"mov rsp, [rsp + {stack}]",
        "jmp rcx",
        ".size ww_throw, . - ww_throw",
        ".att_syntax",
    )


POINTER_JUMP_SIZE: Final = 8


def pointer_jump(distance: int) -> bytes:
    """Counts from the end of an instruction of six bytes."""
    return b"\xff\x25" + (distance - 6).to_bytes(4, "little")  # jmp [rip + distance]


LOADED_JUMP_SIZE: Final = 32


def loaded_jump(value: int, target: int) -> bytes:
    """The value is in r10."""
    load = b"\x49\xba" + value.to_bytes(8, "little")  # mov r10, value
    jump = b"\xff\x25\0\0\0\0" + target.to_bytes(8, "little")  # jmp [rip]
    return (load + jump).ljust(LOADED_JUMP_SIZE, FILLER)
