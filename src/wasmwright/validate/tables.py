"""Table and element segment instructions (spec: Validation > Instructions > Table
Instructions).
"""

from __future__ import annotations

from mypy_extensions import i64

from wasmwright.errors import InvalidError
from wasmwright.model.types import I32
from wasmwright.validate import rules
from wasmwright.validate.body import Body
from wasmwright.validate.memory import smaller
from wasmwright.validate.subtyping import matches


def check_table(body: Body, rule: i64) -> None:
    """Check a table instruction, whose opcode is read."""
    stack = body.stack
    context = body.context
    if rule == rules.ELEM_DROP:
        body.elem_type(body.reader.u32())
        return
    if rule == rules.TABLE_INIT:
        # The table comes second, but is the first that the suite misses.
        segment = body.reader.u32()
        table = body.table()
        require_elements(body, body.elem_type(segment), context.elements[table])
        stack.pop_list([context.tables[table], I32, I32])
        return
    table = body.table()
    address = context.tables[table]
    element = context.elements[table]
    if rule == rules.TABLE_GET:
        stack.pop(address)
        stack.push(element)
    elif rule == rules.TABLE_SET:
        stack.pop_list([address, element])
    elif rule == rules.TABLE_SIZE:
        stack.push(address)
    elif rule == rules.TABLE_GROW:
        stack.pop_list([element, address])
        stack.push(address)
    elif rule == rules.TABLE_FILL:
        stack.pop_list([address, element, address])
    else:
        assert rule == rules.TABLE_COPY
        other = body.table()
        require_elements(body, context.elements[other], element)
        stack.pop_list([address, context.tables[other], smaller(address, context.tables[other])])


def require_elements(body: Body, source: i64, target: i64) -> None:
    """References of type ``source`` may be stored where ``target`` is."""
    context = body.context
    if not matches(context.canon, source, target):
        raise InvalidError(
            f"type mismatch: source element type {context.type_name(source)} does not match "
            f"destination element type {context.type_name(target)}"
        )
