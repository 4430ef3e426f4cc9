"""What is known of the module that is being assembled: its index spaces and types.

Function types are compared by their encoding, so no objects stand for them.
"""

from __future__ import annotations

from librt.strings import BytesWriter
from librt.vecs import append, vec
from mypy_extensions import i64

from wasmwright.binary.types import FUNC_CODE
from wasmwright.binary.writer import leb_u32
from wasmwright.text.annotations import Annotations
from wasmwright.text.scopes import Labels, Space, Vector, shown
from wasmwright.text.stream import Stream
from wasmwright.text.tokens import ID


class Frames:
    """The constructs that are open in the expression that is being read: a stack of ``height``
    frames, each a kind and two tokens.
    """

    __slots__ = ("height", "kinds", "starts", "tokens")

    def __init__(self) -> None:
        self.height: i64 = 0
        self.kinds = vec[i64]()
        self.tokens = vec[i64]()
        self.starts = vec[i64]()

    def push(self, kind: i64, token: i64, start: i64) -> None:
        at = self.height
        self.height = at + 1
        if at < len(self.kinds):
            self.kinds[at] = kind
            self.tokens[at] = token
            self.starts[at] = start
        else:
            self.kinds = append(self.kinds, kind)
            self.tokens = append(self.tokens, token)
            self.starts = append(self.starts, start)


class TypeInfo:
    """A type definition: its encoded function type (nothing if it is no function type), how many
    parameters that has, and the identifiers and names of a structure's fields.
    """

    __slots__ = ("fields", "functype", "params")

    def __init__(self, functype: bytes, params: i64, fields: Space | None) -> None:
        self.functype: bytes = functype
        self.params: i64 = params
        self.fields: Space | None = fields


class Context:
    """The identifier context of a module, and the types that abbreviations add to it."""

    __slots__ = (
        "annotations",
        "datas",
        "elems",
        "features",
        "field_names",
        "frames",
        "funcs",
        "globals",
        "groups",
        "hinted_funcs",
        "hints",
        "known_functypes",
        "label_map",
        "label_names",
        "labels",
        "local_names",
        "locals",
        "memories",
        "params",
        "params_count",
        "results",
        "results_count",
        "stream",
        "tables",
        "tags",
        "type_infos",
        "types",
        "uses_data_count",
    )

    def __init__(self, stream: Stream, annotations: Annotations, features: i64) -> None:
        self.stream: Stream = stream
        self.annotations: Annotations = annotations
        self.features: i64 = features
        self.types = Space("type")
        self.funcs = Space("function")
        self.tables = Space("table")
        self.memories = Space("memory")
        self.globals = Space("global")
        self.tags = Space("tag")
        self.elems = Space("elem segment")
        self.datas = Space("data segment")
        self.locals = Space("local")
        self.labels = Labels()
        # The encoded recursive groups, and what each type is.
        self.groups = Vector()
        self.type_infos: list[TypeInfo] = []
        # Encoded function types that stand alone and are final -> the first of their indices.
        self.known_functypes: dict[bytes, int] = {}
        # Indirect name maps: how many there are, and what follows each index.
        self.local_names = Vector()
        self.label_names = Vector()
        self.field_names = Vector()
        # The inline function type that is being read, its halves encoded.
        self.params = BytesWriter()
        self.params_count: i64 = 0
        self.results = BytesWriter()
        self.results_count: i64 = 0
        # Of the function that is being read: its labels' names, its branch hints, and the
        # constructs that are open.
        self.label_map = Vector()
        self.hints = Vector()
        self.frames = Frames()
        # The indirect map of hints by function.
        self.hinted_funcs = Vector()
        # Whether an instruction names a data segment, which wants a data count section.
        self.uses_data_count: bool = False

    def enter_func(self) -> None:
        """Begin a function: no locals, and the label of its body."""
        self.locals.clear()
        self.labels.clear()
        if self.label_map.count != 0:
            self.label_map = Vector()
        if self.hints.count != 0:
            self.hints = Vector()

    def leave_func(self, index: i64) -> None:
        """Keep the names and hints of the function of this index."""
        if self.locals.names.count != 0:
            self.local_names.add_vector(index, self.locals.names)
        if self.label_map.count != 0:
            self.label_names.add_vector(index, self.label_map)
        if self.hints.count != 0:
            self.hinted_funcs.add_vector(index, self.hints)

    def clear_functype(self) -> None:
        """Begin an inline function type."""
        self.params.truncate(0)
        self.params_count = 0
        self.results.truncate(0)
        self.results_count = 0

    def functype(self) -> bytes:
        """The encoding of the inline function type."""
        out = BytesWriter()
        out.append(FUNC_CODE)
        leb_u32(out, self.params_count)
        out.write(self.params.getvalue())
        leb_u32(out, self.results_count)
        out.write(self.results.getvalue())
        return out.getvalue()

    def implicit_type(self) -> i64:
        """The index of the inline function type, which is added where no type is like it."""
        functype = self.functype()
        found = self.known_functypes.get(functype)
        if found is not None:
            return found
        index = self.types.count
        self.types.count = index + 1
        self.groups.count += 1
        self.groups.out.write(functype)
        self.type_infos.append(TypeInfo(functype, self.params_count, None))
        self.known_functypes[functype] = index
        return index

    def field(self, type_index: i64) -> i64:
        """The index of a field of a type, which the next token is or stands for."""
        stream = self.stream
        if stream.kind() == ID:
            fields: Space | None = None
            if type_index < len(self.type_infos):
                fields = self.type_infos[type_index].fields
            if fields is None:
                raise stream.error(f"unknown field {shown(stream.identifier(stream.pos))}")
            return fields.index(stream)
        return stream.u32("a field's index or identifier")
