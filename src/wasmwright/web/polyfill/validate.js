// A decoded module, validated (section "Validation > Modules").
import { compileError } from "./errors.js";
import { Validator } from "./body.js";
import { FUNC, GLOBAL, MEMORY, TABLE, TAG } from "./decode.js";
import { MAX_PAGES } from "./limits.js";
import { readOpcode, skipImmediates, SLOT_OF } from "./instructions.js";
import { Reader } from "./reader.js";
import { I32, isDefaultable, matches, typeName } from "./types.js";

/** Validates all of a module. Throws CompileError. */
export function validateModule(module) {
  const { bytes } = module;
  const end = bytes.length;
  const known = (list, index, what) => {
    if (index >= list.length) throw compileError(`unknown ${what} ${index}`, end);
    return list[index];
  };
  const declared = declaredFunctions(module);
  const validator = new Validator(module, declared);
  const { imported, globals } = module;

  for (const { min, max, type, init } of module.tables) {
    checkSizes(min, max, 2 ** 32 - 1, "table size must be at most 2^32-1", end);
    if (init !== null) validator.constant(init, type, imported.globals);
    else if (!isDefaultable(type)) throw compileError(`type mismatch: a table of ${typeName(type)} needs an initializer`, end);
  }
  for (const { min, max } of module.memories) {
    checkSizes(min, max, MAX_PAGES, "memory size must be at most 65536 pages (4GiB)", end);
  }
  for (const tag of module.tags) {
    if (tag.results.length > 0) throw compileError("non-empty tag result type", end);
  }
  for (let index = imported.globals; index < globals.length; index++) {
    validator.constant(globals[index].init, globals[index].type, index);
  }

  checkExports(module, known);
  if (module.start >= 0) {
    const type = known(module.funcs, module.start, "function");
    if (type.params.length + type.results.length > 0) throw compileError("start function: type mismatch", end);
  }
  for (const segment of module.elems) {
    const wanted = segment.type;
    for (const index of segment.funcs || []) known(module.funcs, index, "function");
    for (const init of segment.inits || []) validator.constant(init, wanted, globals.length);
    if (segment.mode === "active") {
      const { type } = known(module.tables, segment.table, "table");
      if (!matches(wanted, type)) throw compileError(`type mismatch: elements of ${typeName(wanted)} in a table of ${typeName(type)}`, end);
      validator.constant(segment.offset, I32, globals.length);
    }
  }
  for (const segment of module.datas) {
    if (segment.mode === "active") {
      known(module.memories, segment.memory, "memory");
      validator.constant(segment.offset, I32, globals.length);
    }
  }
  module.codes.forEach((code, index) => validator.body(module.funcs[imported.funcs + index], code));
}

function checkSizes(min, max, most, message, offset) {
  if (min > most || max > most) throw compileError(message, offset);
  if (max < min) throw compileError("size minimum must not be greater than maximum", offset);
}

function checkExports(module, known) {
  const spaces = {
    [FUNC]: [module.funcs, "function"],
    [TABLE]: [module.tables, "table"],
    [MEMORY]: [module.memories, "memory"],
    [GLOBAL]: [module.globals, "global"],
    [TAG]: [module.tags, "tag"],
  };
  const names = new Set();
  for (const { name, kind, index } of module.exports) {
    known(spaces[kind][0], index, spaces[kind][1]);
    if (names.has(name)) throw compileError(`duplicate export name ${JSON.stringify(name)}`, module.bytes.length);
    names.add(name);
  }
}

/** The functions that a body may refer to: those that occur outside of bodies. */
function declaredFunctions(module) {
  const declared = new Set();
  const scan = (start) => {
    const reader = new Reader(module.bytes, start, module.bytes.length, module.types);
    for (;;) {
      const slot = readOpcode(reader);
      if (slot === SLOT_OF.end) return;
      if (slot === SLOT_OF["ref.func"]) declared.add(reader.u32());
      else skipImmediates(reader, slot);
    }
  };
  for (const { kind, index } of module.exports) if (kind === FUNC) declared.add(index);
  for (const { init } of module.globals) if (init !== null) scan(init);
  for (const { init } of module.tables) if (init !== null) scan(init);
  for (const { funcs, inits } of module.elems) {
    for (const index of funcs || []) declared.add(index);
    for (const init of inits || []) scan(init);
  }
  return declared;
}
