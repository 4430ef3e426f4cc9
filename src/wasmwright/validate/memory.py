"""Loads, stores, atomics, lanes and bulk memory (spec: Validation > Instructions > Memory
Instructions, Vector Instructions; the threads proposal).
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.binary.cursor import memarg_flags, zero
from wasmwright.errors import InvalidError, MalformedError
from wasmwright.isa import AT
from wasmwright.model.types import I32, I64
from wasmwright.validate import rules
from wasmwright.validate.body import Body
from wasmwright.validate.context import unknown

_ALIGNMENT_MASK: Final = 0x3F
_MEMORY_SHIFT: Final = 6
_SHUFFLE_LANES: Final = 32
_V128_LOG2: Final = 4


def check_access(body: Body, rule: i64) -> None:
    """Check an instruction with a memarg or lanes, whose row gives its stack type."""
    extra = body.signature >> rules.EXTRA & 0xFF
    if rule == rules.USE_LANE:
        lane(body, extra)
        check_fixed(body, I32)
    elif rule == rules.SHUFFLE:
        for _ in range(16):
            lane(body, _SHUFFLE_LANES)
        check_fixed(body, I32)
    elif rule == rules.FENCE:
        zero(body.reader)
    else:
        address = memarg(body, extra, rule == rules.ACCESS_ATOMIC)
        if rule == rules.ACCESS_LANE:
            lane(body, 1 << (_V128_LOG2 - extra))
        check_fixed(body, address)


def check_fixed(body: Body, address: i64) -> None:
    """Pop and push what the current instruction's row says, ``address`` for addresses."""
    stack = body.stack
    params = rules.PARAMS[stack.slot]
    if len(params) == 1 and params[0] == AT:
        stack.pop(address)
    elif len(params) > 0:
        stack.pop_list([address if t == AT else t for t in params])
    for result in rules.RESULTS[stack.slot]:
        stack.push(result)


def memarg(body: Body, natural: i64, atomic: bool) -> i64:
    """A memarg for an access of ``1 << natural`` bytes; the memory's address type."""
    flags = memarg_flags(body.reader)
    address = body.memory_type(flags >> _MEMORY_SHIFT)
    alignment = flags & _ALIGNMENT_MASK
    if alignment > natural:
        raise InvalidError(
            f"alignment must not be larger than natural: 2 ** {alignment}, natural is "
            f"{1 << natural} bytes"
        )
    if atomic and alignment != natural:
        raise InvalidError(
            f"atomic alignment must be natural: {1 << alignment}, natural is {1 << natural} bytes"
        )
    offset: int = body.reader.u64()
    if address == I32 and offset >= 1 << 32:
        raise InvalidError(f"offset out of range: {offset} in a memory with 32-bit addresses")
    return address


def lane(body: Body, count: i64) -> None:
    """A lane index below ``count``."""
    index = body.reader.byte()
    if index >= count:
        raise InvalidError(f"invalid lane index {index}, with {count} lanes")


def check_memory(body: Body, rule: i64) -> None:
    """Check an instruction on whole memories, whose opcode is read."""
    stack = body.stack
    if rule == rules.MEMORY_SIZE:
        stack.push(body.memory())
    elif rule == rules.MEMORY_GROW:
        address = body.memory()
        stack.pop(address)
        stack.push(address)
    elif rule == rules.MEMORY_FILL:
        address = body.memory()
        stack.pop_list([address, I32, address])
    elif rule == rules.MEMORY_COPY:
        target = body.memory()
        source = body.memory()
        stack.pop_list([target, source, smaller(target, source)])
    elif rule == rules.MEMORY_INIT:
        # The memory comes second, but is the first that the suite misses.
        segment = body.reader.u32()
        address = body.memory()
        check_data(body, segment)
        stack.pop_list([address, I32, I32])
    else:
        assert rule == rules.DATA_DROP
        data(body)


def smaller(left: i64, right: i64) -> i64:
    """The address type of a length that two memories or tables share."""
    return I64 if left == I64 and right == I64 else I32


def data(body: Body) -> None:
    """A data segment, by its index."""
    check_data(body, body.reader.u32())


def check_data(body: Body, index: i64) -> None:
    """Check a data segment's index, which only a data count section makes known in time."""
    count = body.context.datas
    if count < 0:
        raise MalformedError("data count section required", body.at)
    if index >= count:
        raise unknown("data segment", index)
