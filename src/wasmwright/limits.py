"""Implementation limits (spec: Appendix > Implementation Limitations).

The figures are those the WebAssembly JavaScript API fixes for the Web, so that a module
which loads in a browser loads here, and hostile input ends early. A module beyond one of
them is rejected with the name of the limit in the message.
"""

from __future__ import annotations

from typing import Final

MAX_MODULE_SIZE: Final = 1 << 30  # bytes
MAX_TYPES: Final = 1_000_000
MAX_FUNCTIONS: Final = 1_000_000
MAX_IMPORTS: Final = 1_000_000
MAX_EXPORTS: Final = 1_000_000
MAX_GLOBALS: Final = 1_000_000
MAX_TAGS: Final = 1_000_000
MAX_DATA_SEGMENTS: Final = 100_000
MAX_ELEM_SEGMENTS: Final = 10_000_000
MAX_TABLES: Final = 100_000
MAX_MEMORIES: Final = 100
MAX_ELEM_SIZE: Final = 10_000_000  # entries of one segment
MAX_FUNCTION_SIZE: Final = 7_654_321  # bytes of one body
MAX_LOCALS: Final = 50_000  # of one function, parameters included
MAX_PARAMS: Final = 1_000
MAX_RESULTS: Final = 1_000
MAX_STRUCT_FIELDS: Final = 10_000
MAX_ARRAY_NEW_FIXED: Final = 10_000
MAX_SUBTYPING_DEPTH: Final = 63
MAX_TABLE_SIZE: Final = 10_000_000  # entries at run time
MAX_BR_TABLE: Final = 131_072  # targets; no limit of the Web's, where V8 takes half as many
MAX_CONTROL_DEPTH: Final = 1_000_000  # nested blocks; nothing in us recurses on it
MAX_OPERANDS: Final = 4_000_000  # on the operand stack; more than single pushes can reach
MAX_NAME_SIZE: Final = 100_000  # bytes of one name in an import, export or custom section

PAGE_SIZE: Final = 65_536  # bytes
MAX_MEMORY32_PAGES: Final = 65_536
MAX_MEMORY64_PAGES: Final = 1 << 48
