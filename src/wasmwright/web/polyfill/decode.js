// A module from its bytes (section "Modules" of the binary format).
//
// Reads bytes; produces a plain object, below. Types, names and the shape of all sections are checked
// here, indices and constant expressions in validate.js, function bodies in body.js.
import { compileError, unsupported } from "./errors.js";
import {
  MAX_DATA_SEGMENTS,
  MAX_ELEM_SEGMENTS,
  MAX_ELEM_SIZE,
  MAX_EXPORTS,
  MAX_FUNCTION_SIZE,
  MAX_FUNCTIONS,
  MAX_GLOBALS,
  MAX_IMPORTS,
  MAX_LOCALS,
  MAX_MEMORIES,
  MAX_MODULE_SIZE,
  MAX_PARAMS,
  MAX_RESULTS,
  MAX_TABLES,
  MAX_TAGS,
  MAX_TYPES,
} from "./limits.js";
import { readOpcode, skipImmediates, SLOT_OF } from "./instructions.js";
import { Reader } from "./reader.js";
import { FUNCREF, functionType, NONNULL } from "./types.js";

export const FUNC = 0;
export const TABLE = 1;
export const MEMORY = 2;
export const GLOBAL = 3;
export const TAG = 4;
/** What the JavaScript API calls the kinds of imports and exports. */
export const KIND_NAMES = ["function", "table", "memory", "global", "tag"];

const CUSTOM_SECTION = 0;
const CODE_SECTION = 10;
const SECTION_NAMES = [
  "custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element",
  "code", "data", "data count", "tag",
];
/** Where a section stands, by id. */
const SECTION_PLACES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 11, 6];

/**
 * @typedef {object} Decoded
 * @property {Uint8Array} bytes
 * @property {object[]} types function types
 * @property {{module, name, kind, index}[]} imports
 * @property {object[]} funcs function types, the imported ones first; so also the next four
 * @property {{type, min, max, init}[]} tables `max` may be undefined; `init` an expression or null
 * @property {{min, max}[]} memories in pages
 * @property {{type, mutable, init}[]} globals `init` is null where the global is imported
 * @property {object[]} tags function types
 * @property {{name, kind, index}[]} exports
 * @property {number} start -1 where there is none
 * @property {{mode, table, offset, type, inits, funcs}[]} elems mode "active", "passive",
 *   "declarative"; either expressions or function indices
 * @property {{mode, memory, offset, start, end}[]} datas
 * @property {{locals, start, end}[]} codes locals as pairs of count and type
 * @property {{name, start, end}[]} customs
 * @property {{funcs, tables, memories, globals, tags}} imported how many of each are imported
 * @property {Set<number>} shared the mutable globals that are imported or exported
 *
 * An expression is where it begins in `bytes`.
 */

/**
 * The module in `bytes`, which it keeps. Throws CompileError.
 * `bodies` says whether there is a code section: see `withoutCode`.
 */
export function decode(bytes, bodies = true) {
  if (bytes.length > MAX_MODULE_SIZE) throw compileError("module too large", 0);
  const module = {
    bytes,
    types: [],
    imports: [],
    funcs: [],
    tables: [],
    memories: [],
    globals: [],
    tags: [],
    exports: [],
    start: -1,
    elems: [],
    datas: [],
    dataCount: -1,
    codes: [],
    customs: [],
    imported: { funcs: 0, tables: 0, memories: 0, globals: 0, tags: 0 },
  };
  const reader = new Reader(bytes, 0, bytes.length, module.types);
  header(reader);
  let place = 0;
  while (reader.pos < bytes.length) {
    const start = reader.pos;
    const id = reader.byte();
    if (id >= SECTION_NAMES.length) throw compileError("malformed section id", start);
    if (id !== CUSTOM_SECTION) {
      if (SECTION_PLACES[id] <= place) throw compileError("unexpected content after last section", start);
      place = SECTION_PLACES[id];
    }
    const size = reader.u32();
    const content = reader.skip(size);
    // Read to the end of the section, but no further than the end of the module: the messages are
    // those of the reference interpreter.
    const section = new Reader(bytes, content, content + size, module.types);
    SECTIONS[id](section, module);
    if (section.pos !== section.end) throw compileError(`section size mismatch: ${SECTION_NAMES[id]} section`, content);
  }
  if (bodies && module.funcs.length - module.imported.funcs !== module.codes.length) {
    throw compileError("function and code section have inconsistent lengths", bytes.length);
  }
  if (module.dataCount >= 0 && module.dataCount !== module.datas.length) {
    throw compileError("data count and data section have inconsistent lengths", bytes.length);
  }
  return { ...module, shared: sharedGlobals(module) };
}

/** The globals that code outside of the instance sees change. */
function sharedGlobals(module) {
  const shared = new Set();
  module.globals.forEach((global, index) => {
    if (global.mutable && index < module.imported.globals) shared.add(index);
  });
  for (const { kind, index } of module.exports) {
    // Indices are not checked yet.
    if (kind === GLOBAL && index < module.globals.length && module.globals[index].mutable) shared.add(index);
  }
  return shared;
}

function header(reader) {
  const word = (wanted, message) => {
    for (const byte of wanted) {
      if (reader.byte() !== byte) throw compileError(message, reader.pos - 1);
    }
  };
  word([0x00, 0x61, 0x73, 0x6d], "magic header not detected");
  word([0x01, 0x00, 0x00, 0x00], "unknown binary version");
}

/** Calls `entry` as often as the count that follows says. */
function vector(reader, what, most, entry) {
  for (let count = reader.count(what, most); count > 0; count--) entry(reader);
}

function customSection(reader, module) {
  const name = reader.name();
  module.customs.push({ name, start: reader.pos, end: reader.end });
  reader.pos = reader.end;
}

const GC_TYPE_CODES = { 0x5f: "struct type", 0x5e: "array type", 0x50: "subtype", 0x4f: "final subtype", 0x4e: "recursive types" };

function typeSection(reader, module) {
  vector(reader, "types", MAX_TYPES, () => {
    const start = reader.pos;
    const code = reader.byte();
    if (GC_TYPE_CODES[code]) throw unsupported("gc", GC_TYPE_CODES[code], start);
    if (code !== 0x60) throw compileError("malformed definition type", start);
    reader.inType = true;
    const params = valueTypes(reader, "parameters", MAX_PARAMS);
    const results = valueTypes(reader, "results", MAX_RESULTS);
    reader.inType = false;
    module.types.push(functionType(params, results));
  });
}

function valueTypes(reader, what, most) {
  const types = [];
  vector(reader, what, most, () => types.push(reader.valueType()));
  return types;
}

function functionTypeAt(reader) {
  const start = reader.pos;
  const index = reader.u32();
  if (index >= reader.types.length) throw compileError(`unknown type ${index}`, start);
  return reader.types[index];
}

function importSection(reader, module) {
  vector(reader, "imports", MAX_IMPORTS, () => {
    const entry = { module: reader.name(), name: reader.name(), kind: reader.byte(), index: 0 };
    const lists = [module.funcs, module.tables, module.memories, module.globals, module.tags];
    const read = [functionTypeAt, tableType, memoryType, globalType, tagType][entry.kind];
    if (read === undefined) throw compileError("malformed import kind", reader.pos - 1);
    entry.index = lists[entry.kind].length;
    lists[entry.kind].push(read(reader));
    module.imports.push(entry);
  });
  const { imported } = module;
  imported.funcs = module.funcs.length;
  imported.tables = module.tables.length;
  imported.memories = module.memories.length;
  imported.globals = module.globals.length;
  imported.tags = module.tags.length;
  checkCounts(reader, module);
}

function checkCounts(reader, module) {
  if (module.tables.length > MAX_TABLES) throw compileError("too many tables", reader.pos);
  if (module.memories.length > MAX_MEMORIES) throw compileError("too many memories", reader.pos);
}

function limits(reader) {
  const start = reader.pos;
  const flags = reader.byte();
  if (flags > 0x0f) throw compileError("malformed limits flags", start);
  if (flags & 0x02) throw unsupported("threads", "shared memory", start);
  if (flags & 0x04) throw unsupported("memory64", "64-bit addresses", start);
  if (flags & 0x08) throw unsupported("custom-page-sizes", "page size", start);
  const min = reader.u64();
  const max = flags & 0x01 ? reader.u64() : undefined;
  return { min, max };
}

function memoryType(reader) {
  return limits(reader);
}

function tableType(reader) {
  const type = reader.referenceType();
  return { type, ...limits(reader), init: null };
}

function globalType(reader) {
  const type = reader.valueType();
  const mutable = reader.byte();
  if (mutable > 1) throw compileError("malformed mutability", reader.pos - 1);
  return { type, mutable: mutable === 1, init: null };
}

function tagType(reader) {
  if (reader.byte() !== 0) throw compileError("zero byte expected", reader.pos - 1);
  return functionTypeAt(reader);
}

/** Where the expression that follows begins; reads past it. */
function expression(reader) {
  const start = reader.pos;
  let depth = 0;
  for (;;) {
    const slot = readOpcode(reader);
    if (slot === SLOT_OF.end) {
      if (depth-- === 0) return start;
    } else if (OPENING.has(slot)) {
      depth++;
    }
    skipImmediates(reader, slot);
  }
}

const OPENING = new Set(["block", "loop", "if", "try_table"].map((name) => SLOT_OF[name]));

function functionSection(reader, module) {
  vector(reader, "functions", MAX_FUNCTIONS, () => module.funcs.push(functionTypeAt(reader)));
}

function tableSection(reader, module) {
  vector(reader, "tables", MAX_TABLES, () => {
    const withInit = reader.bytes[reader.pos] === 0x40;
    if (withInit) {
      reader.byte();
      if (reader.byte() !== 0) throw compileError("zero byte expected", reader.pos - 1);
    }
    const table = tableType(reader);
    if (withInit) table.init = expression(reader);
    module.tables.push(table);
  });
  checkCounts(reader, module);
}

function memorySection(reader, module) {
  vector(reader, "memories", MAX_MEMORIES, () => module.memories.push(memoryType(reader)));
  checkCounts(reader, module);
}

function tagSection(reader, module) {
  vector(reader, "tags", MAX_TAGS, () => module.tags.push(tagType(reader)));
}

function globalSection(reader, module) {
  vector(reader, "globals", MAX_GLOBALS, () => {
    const global = globalType(reader);
    global.init = expression(reader);
    module.globals.push(global);
  });
}

function exportSection(reader, module) {
  vector(reader, "exports", MAX_EXPORTS, () => {
    const entry = { name: reader.name(), kind: reader.byte(), index: 0 };
    if (entry.kind > TAG) throw compileError("malformed export kind", reader.pos - 1);
    entry.index = reader.u32();
    module.exports.push(entry);
  });
}

function startSection(reader, module) {
  module.start = reader.u32();
}

function elementSection(reader, module) {
  vector(reader, "element segments", MAX_ELEM_SEGMENTS, () => module.elems.push(element(reader)));
}

/** An element segment. Flags: bit 0 not active, bit 1 a table or declarative, bit 2 expressions. */
function element(reader) {
  const flags = reader.u32();
  if (flags > 7) throw compileError("malformed elements segment kind", reader.pos - 1);
  const mode = !(flags & 1) ? "active" : flags & 2 ? "declarative" : "passive";
  const segment = { mode, table: 0, offset: 0, type: FUNCREF | NONNULL, inits: null, funcs: null };
  if (mode === "active") {
    if (flags & 2) segment.table = reader.u32();
    segment.offset = expression(reader);
  }
  if (flags & 4) {
    segment.type = flags & 3 ? reader.referenceType() : FUNCREF;
  } else if (flags & 3 && reader.byte() !== 0) {
    throw compileError("malformed element kind", reader.pos - 1);
  }
  const entries = [];
  vector(reader, "elements", MAX_ELEM_SIZE, () => entries.push(flags & 4 ? expression(reader) : reader.u32()));
  if (flags & 4) segment.inits = entries;
  else segment.funcs = entries;
  return segment;
}

function codeSection(reader, module) {
  vector(reader, "functions", MAX_FUNCTIONS, () => {
    const size = reader.u32();
    const start = reader.skip(size);
    if (size > MAX_FUNCTION_SIZE) throw compileError("function too large", start);
    const body = new Reader(reader.bytes, start, start + size, reader.types);
    const locals = [];
    let total = 0;
    for (let runs = body.u32(); runs > 0; runs--) {
      const count = body.u32();
      total += count;
      if (total > 0xffffffff) throw compileError("too many locals", start);
      locals.push([count, body.valueType()]);
    }
    if (total > MAX_LOCALS) throw compileError(`too many locals: ${total} exceed the limit of ${MAX_LOCALS}`, start);
    module.codes.push({ locals, start: body.pos, end: body.end });
  });
}

function dataCountSection(reader, module) {
  module.dataCount = reader.u32();
}

function dataSection(reader, module) {
  vector(reader, "data segments", MAX_DATA_SEGMENTS, () => {
    const flags = reader.u32();
    if (flags > 2) throw compileError("malformed data segment kind", reader.pos - 1);
    const memory = flags === 2 ? reader.u32() : 0;
    const offset = flags === 1 ? 0 : expression(reader);
    const size = reader.u32();
    const start = reader.skip(size);
    module.datas.push({ mode: flags === 1 ? "passive" : "active", memory, offset, start, end: start + size });
  });
}

const SECTIONS = [
  customSection,
  typeSection,
  importSection,
  functionSection,
  tableSection,
  memorySection,
  globalSection,
  exportSection,
  startSection,
  elementSection,
  codeSection,
  dataSection,
  dataCountSection,
  tagSection,
];

/** The bytes of a module with all function bodies left out: what instantiation still reads. */
export function withoutCode(bytes) {
  const reader = new Reader(bytes, 8, bytes.length, []);
  while (reader.pos < bytes.length) {
    const start = reader.pos;
    const id = reader.byte();
    reader.skip(reader.u32());
    if (id === CODE_SECTION) {
      const rest = new Uint8Array(start + bytes.length - reader.pos);
      rest.set(bytes.subarray(0, start));
      rest.set(bytes.subarray(reader.pos), start);
      return rest;
    }
  }
  return bytes;
}
