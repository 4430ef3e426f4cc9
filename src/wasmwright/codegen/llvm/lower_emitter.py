"""The state of one function while it is lowered: its text, operand stack, locals and labels.

An operand is LLVM text: a value's name or a literal. Values are numbered in the order of
their definitions; names are for what the entry block defines, which is written last, when it
is known what the body needs: ``%ctx``, ``%p3`` a parameter, ``%l3`` a local's slot, ``%m0``
the base of a memory, ``%r0`` its record, ``%h0`` a hidden constant.

What is known to hold in the current block and those it dominates is cached: the values of
locals, addresses already computed, lengths of memories. A block with several predecessors
forgets all of it.
"""

from __future__ import annotations

from typing import Final

from mypy_extensions import i64

from wasmwright.binary.reader import Reader
from wasmwright.codegen.fuel import Meter
from wasmwright.codegen.llvm.lower_frame import Frame
from wasmwright.codegen.llvm.lower_handler import Handler
from wasmwright.codegen.llvm.lower_loop_plan import LoopPlan
from wasmwright.codegen.llvm.lower_unit import (
    FIRST_SCOPE,
    FIXED_POINTER,
    TAG_RUNTIME,
    UNLIKELY,
    Signature,
    Unit,
    llvm_type,
)
from wasmwright.errors import TRAP_FUEL
from wasmwright.model.types import F32, F64, I32, I64, V128

# The type of a comparison's result while nothing needs it as an i32: an LLVM i1.
BOOL: Final = 2

# Constants with which LLVM leaves arithmetic out, taking NaNs for alike: ±0 and ±1.
_SPECIAL: Final = frozenset(
    {
        "0x0000000000000000",
        "0x8000000000000000",
        "0x3FF0000000000000",
        "0xBFF0000000000000",
    }
)

_CACHE_COPY_LIMIT: Final = 64  # entries; a bigger cache is dropped rather than copied
_ALL_FEATURES: Final = (1 << 62) - 1


class Emitter:
    """One function being lowered; ``reader`` stands in its body."""

    def __init__(self, unit: Unit, func: int) -> None:
        module = unit.module
        code = module.codes[func - unit.imported_funcs]
        self.unit: Unit = unit
        self.func: int = func
        self.signature: Signature = unit.signature(module.all_funcs[func])
        self.reader: Reader = Reader(module.data, code.start, code.end, _ALL_FEATURES)
        self.start: int = code.start
        self.size: int = code.end - code.start
        self.offset: i64 = code.start
        # Values that came from memory by an instruction which may trap, and that instruction's
        # offset; the latest of those that the present instruction takes, or 0 (see `define`).
        self.loaded: dict[str, i64] = {}
        self.origin: i64 = 0
        self.reads: dict[i64, str] = {}  # by a load's offset: the name of its place
        self.scope: int = FIRST_SCOPE + func
        # Of code that is entered at a loop: the loop's offset, the label before it, the bytes
        # of a local in the frame that it takes over, and what reads operands from there.
        self.entry: i64 = -1
        self.entry_label: str = ""
        self.entry_step: i64 = 0
        self.entry_lines: list[str] = []
        self.out: list[str] = []
        self.cold: list[str] = []
        self.vals: list[str] = []
        self.types: list[int] = []
        self.frames: list[Frame] = []
        self.handlers: list[Handler] = []  # that catch what is thrown here, the innermost last
        self.catches: bool = False
        self.block: str = "b0"
        self.dead: bool = False
        self.nesting: i64 = 0  # of blocks inside dead code
        self.numbers: i64 = 0
        self.labels: i64 = 0
        self.max_stack: i64 = 0
        self.plan: LoopPlan | None = None  # of the loop being written without checks
        self.calls: bool = False
        # For code that consumes fuel; where in `out` the present stretch is charged, the offset in
        # the binary that this belongs to, and the label behind the check, if there is one.
        self.meter: Meter | None = Meter() if unit.options.fuel else None
        self.fuel_place: i64 = 0
        self.fuel_offset: i64 = 0
        self.fuel_label: str = ""
        self.local_types: list[int] = list(self.signature.params)
        for count, valtype in code.locals:
            self.local_types.extend([valtype] * count)
        self.locals_used: dict[int, bool] = {}
        self.locals: dict[int, str] = {}
        self.known: dict[str, str] = {}
        self.lengths: dict[int, str] = {}
        self.memory_bases: dict[int, bool] = {}
        self.memory_records: dict[int, bool] = {}
        self.hidden: dict[str, str] = {}
        self.hidden_lines: list[str] = []
        self.hidden_vectors: list[tuple[str, str]] = []
        # Vectors that came out of a shape: the value in that shape, by "value shape".
        self.shaped: dict[str, str] = {}
        self.quiet: set[str] = set()

    # Names

    def new(self) -> str:
        """The name of the next value, to be defined at once."""
        self.numbers += 1
        return f"%{self.numbers}"

    def label(self) -> str:
        """The name of a new block."""
        self.labels += 1
        return f"b{self.labels}"

    # The operand stack

    def push(self, value: str, valtype: int) -> None:
        self.vals.append(value)
        self.types.append(valtype)

    def pop(self) -> str:
        """The top operand, a comparison's result as an i32."""
        value = self.vals.pop()
        self.takes(value)
        if self.types.pop() == BOOL:
            name = self.new()
            self.out.append(f"{name} = zext i1 {value} to i32\n")
            return name
        return value

    def pop_condition(self) -> str:
        """The top operand, an i32, as an i1: whether it is not zero."""
        value = self.vals.pop()
        if self.types.pop() == BOOL:
            return value
        self.takes(value)
        return self.define(f"icmp ne i32 {value}, 0")

    def top(self, count: i64) -> list[str]:
        """The top operands, which stay, settled: they may reach a join or another function."""
        start = len(self.vals) - count
        values: list[str] = []
        for i in range(start, len(self.vals)):
            if self.types[i] == BOOL:
                name = self.new()
                self.out.append(f"{name} = zext i1 {self.vals[i]} to i32\n")
                self.vals[i] = name
                self.types[i] = I32
            values.append(self.settled(self.vals[i], self.types[i]))
        return values

    def pop_settled(self, count: i64) -> list[str]:
        """The top operands, settled as `top` does it, removed."""
        values = self.top(count)
        self.drop(count)
        return values

    def drop(self, count: i64) -> None:
        """Remove the top operands."""
        if count > 0:
            del self.vals[len(self.vals) - count :]
            del self.types[len(self.types) - count :]

    def result(self, text: str, valtype: int) -> str:
        """Define a value by an LLVM instruction and push it."""
        name = self.define(text)
        self.vals.append(name)
        self.types.append(valtype)
        return name

    def define(self, text: str) -> str:
        """Define a value by an LLVM instruction.

        A machine instruction can do this and load an operand. So that a trap then is the load's,
        what takes a loaded value is said to be part of the load.
        """
        name = self.new()
        if self.origin and "!dbg" not in text:
            self.out.append(f"{name} = {text}{self.place(self.origin)}\n")
            self.loaded[name] = self.origin
        else:
            self.out.append(f"{name} = {text}\n")
        return name

    def convert(self, text: str, value: str) -> str:
        """Define a value by an LLVM instruction whose only operand is ``value``."""
        origin = self.origin
        self.origin = self.loaded.get(value, 0)
        name = self.define(text)
        self.origin = origin
        return name

    def loads(self, value: str) -> None:
        """Note that the present instruction loads a value, and may trap."""
        self.loaded[value] = self.offset
        self.origin = self.offset

    def takes(self, value: str) -> None:
        """Note an operand of the present instruction."""
        origin = self.loaded.get(value)
        if origin is not None and origin > self.origin:
            self.origin = origin

    # Where machine code comes from

    def place(self, offset: i64) -> str:
        """The tag of an LLVM instruction that belongs to the wasm instruction at ``offset``."""
        return f", !dbg !DILocation(line: {offset}, scope: !{self.scope})"

    def here(self) -> str:
        """The tag of what may trap or call in the present instruction."""
        return self.place(self.offset)

    # Constants that arithmetic must not see through

    def settled(self, value: str, valtype: int) -> str:
        """The operand as it may flow to where LLVM could find out that it is a constant.

        LLVM takes ``x * 1.0`` for ``x``; wasm makes a signalling NaN quiet there. So such
        constants are hidden wherever they leave the sight of this backend.
        """
        if valtype == F64 or valtype == F32:
            return self.hide(value, valtype) if value in _SPECIAL else value
        if valtype == V128 and value[0] != "%":
            return self.hide_vector(value, valtype)
        return value

    def hide(self, value: str, valtype: int) -> str:
        """A literal as a value that LLVM knows nothing of, made once, in the entry block."""
        key = llvm_type(valtype) + value
        name = self.hidden.get(key)
        if name is None:
            name = f"%h{len(self.hidden)}"
            self.hidden[key] = name
            self.hidden_lines.append(self._hidden(name, value, valtype))
        return name

    def hide_vector(self, value: str, valtype: int) -> str:
        """As `hide`, of vectors and what goes into them; only if the unit has need of it.

        Vectors of integers are vectors of floats, too, but their constants are worth much to
        LLVM in a unit that only computes with integers.
        """
        key = f"v{llvm_type(valtype)}{value}"
        name = self.hidden.get(key)
        if name is None:
            name = f"%h{len(self.hidden)}"
            self.hidden[key] = name
            llvm = llvm_type(valtype)
            plain = f"{name} = bitcast {llvm} {value} to {llvm}\n"
            self.hidden_vectors.append((self._hidden(name, value, valtype), plain))
        return name

    def _hidden(self, name: str, value: str, valtype: int) -> str:
        llvm = llvm_type(valtype)
        number = valtype == I32 or valtype == I64
        constraint = "=r,0" if number else self.unit.float_register
        return f'{name} = call {llvm} asm "", "{constraint}"({llvm} {value})\n'

    # Locals

    def local_get(self, index: int) -> None:
        self.vals.append(self.local_value(index))
        self.types.append(self.local_types[index])

    def local_value(self, index: int) -> str:
        """A local's value, as an operand."""
        valtype = self.local_types[index]
        value = self.locals.get(index)
        if value is None:
            self.locals_used[index] = True
            value = self.define(f"load {llvm_type(valtype)}, ptr %l{index}")
            self.locals[index] = value
        return value

    def local_set(self, index: int, value: str) -> None:
        """Set a local; its text is settled before, as it may be read after a join."""
        self.locals_used[index] = True
        valtype = self.local_types[index]
        self.locals[index] = value
        stored = self.settled(value, valtype)
        self.out.append(f"store {llvm_type(valtype)} {stored}, ptr %l{index}\n")

    # Blocks and traps

    def begin(self, label: str) -> None:
        """Start a block that is reached only from the one before: what is known stays."""
        self.out.append(f"{label}:\n")
        self.block = label

    def begin_join(self, label: str) -> None:
        """Start a block that several others reach."""
        self.begin(label)
        self.forget()

    def forget(self) -> None:
        """Drop what was known."""
        self.locals = {}
        self.known = {}
        self.lengths = {}

    # Fuel

    def consume(self, opcode: i64, meter: Meter) -> None:
        """Count what an instruction costs, before it is lowered."""
        if meter.begins(opcode):
            self.open_charge(meter)
        if meter.ends(opcode):
            self._charge(meter.cost)
        meter.close(opcode)

    def open_charge(self, meter: Meter) -> None:
        """Have the present stretch of code be charged from here on."""
        self.fuel_place = len(self.out)
        self.fuel_offset = self.offset
        self.out.append("")
        self.fuel_label = ""
        if meter.checked:
            self.fuel_label = self.label()
            self.block = self.fuel_label

    def _charge(self, cost: i64) -> None:
        """Write what takes a stretch's cost from the fuel to where it begins.

        Globals and memories are written where it says, and so is this: a trap shows it.
        """
        at = self.fuel_place
        name = f"%fuel{at}"  # LLVM counts numbered values in the order of the text
        text = (
            f"{name}.old = load i64, ptr %fuel{TAG_RUNTIME}\n"
            f"{name}.left = sub i64 {name}.old, {cost}\n"
            f"store {self.unit.ordered}i64 {name}.left, ptr %fuel{TAG_RUNTIME}\n"
        )
        if self.fuel_label:
            trap = self.label()
            text += (
                f"{name}.out = icmp slt i64 {name}.left, 0\n"
                f"br i1 {name}.out, label %{trap}, label %{self.fuel_label}{UNLIKELY}\n"
                f"{self.fuel_label}:\n"
            )
            offset, self.offset = self.offset, self.fuel_offset
            self.cold.append(f"{trap}:\n{self.trap_call(str(TRAP_FUEL))}")
            self.offset = offset
        self.out[at] = text

    # What is known

    def snapshot(self, frame: Frame) -> None:
        """Keep what is known for the other branch of an ``if``."""
        if len(self.locals) <= _CACHE_COPY_LIMIT:
            frame.locals = self.locals.copy()
        if len(self.known) <= _CACHE_COPY_LIMIT:
            frame.known = self.known.copy()

    def restore(self, frame: Frame) -> None:
        """What was known at the snapshot."""
        self.locals = frame.locals
        self.known = frame.known
        self.lengths = {}

    def trap_if(self, condition: str, kind: int) -> None:
        """Trap at the current instruction if an i1 holds."""
        trap = self.label()
        on = self.label()
        self.out.append(f"br i1 {condition}, label %{trap}, label %{on}{UNLIKELY}\n")
        self.cold.append(f"{trap}:\n{self.trap_call(str(kind))}")
        self.begin(on)

    def trap_call(self, kind: str) -> str:
        """The instructions that trap, with an i32 operand for the kind."""
        return f"call void @trap(ptr %ctx, i32 {kind}) #2{self.here()}\nunreachable\n"

    # Fixed places

    def context(self, offset: int) -> str:
        """The address of a place in the context, as an operand."""
        return self.define(f"getelementptr i8, ptr %ctx, i64 {offset}")

    def record(self, offset: int) -> str:
        """The pointer to a record that stands in the context at ``offset``."""
        key = f"r{offset}"
        record = self.known.get(key)
        if record is None:
            record = self.define(f"load ptr, ptr {self.context(offset)}{FIXED_POINTER}")
            self.known[key] = record
        return record

    def field(self, record: str, offset: int) -> str:
        """The address of a record's field."""
        if offset == 0:
            return record
        return self.define(f"getelementptr i8, ptr {record}, i64 {offset}")

    def memory_base(self, memory: int) -> str:
        """The base address of a memory, which the entry block loads."""
        self.memory_bases[memory] = True
        return f"%m{memory}"

    def memory_length(self, memory: int) -> str:
        """The length of a memory in bytes, an i64."""
        length = self.lengths.get(memory)
        if length is None:
            self.memory_records[memory] = True
            length = self.define(f"load i64, ptr %r{memory}{TAG_RUNTIME}")
            self.lengths[memory] = length
        return length

    def called(self) -> None:
        """A call was emitted: memories may have grown."""
        self.calls = True
        self.lengths = {}
