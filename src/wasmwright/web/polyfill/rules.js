// The validation rules of the instructions that their rows in the table do not type, by mnemonic.
// Each takes the validator (body.js) and the reader, which is behind the opcode.
import { compileError } from "./errors.js";
import { CAUGHT, readCatches, SLOT_OF } from "./instructions.js";
import { MAX_BR_TABLE } from "./limits.js";
import {
  allMatch,
  asNonNull,
  asNullable,
  BOT,
  EXNREF,
  I32,
  INDEXED,
  isFunctionReference,
  isReference,
  matches,
  typeName,
  typeNames,
} from "./types.js";

/** A block's type, as a function type. */
export function readBlockType(reader) {
  const start = reader.pos;
  const byte = reader.bytes[start];
  if (byte === 0x40) {
    reader.byte();
    return { params: [], results: [] };
  }
  if (byte >= 0x40 && byte < 0x80) return { params: [], results: [reader.valueType()] };
  const index = reader.s33();
  if (index < 0) throw compileError("malformed block type", start);
  if (index >= reader.types.length) throw compileError(`unknown type ${index}`, start);
  return reader.types[index];
}

function block(v, reader) {
  const slot = v.slot;
  const type = readBlockType(reader);
  if (slot === SLOT_OF.if) v.pop(I32);
  v.popAll(type.params);
  v.pushControl(slot, type.params, type.results);
}

/** A call's parameters are taken, its results given. */
function call(v, type) {
  v.popAll(type.params);
  v.pushAll(type.results);
}

/** A tail call also ends the function. */
function returnCall(v, type) {
  if (!allMatch(type.results, v.results)) throw v.mismatch(typeNames(v.results), typeNames(type.results));
  v.popAll(type.params);
  v.unreachable();
}

function indirectType(v, reader) {
  const type = v.type(reader.u32());
  const table = v.table(reader.u32());
  if (!isFunctionReference(table.type)) throw v.mismatch("a table of functions", typeName(table.type));
  v.pop(I32);
  return type;
}

function referredType(v, reader) {
  const type = v.type(reader.u32());
  v.pop(INDEXED + 2 * type.id + 1);
  return type;
}

/** The types of values that a branch takes, given back as what the label says. */
function passThrough(v, types) {
  v.popAll(types);
  v.pushAll(types);
}

function select(v, type) {
  v.pop(type);
  v.pop(type);
  v.push(type);
}

function copyOrFill(v) {
  v.pop(I32);
  v.pop(I32);
  v.pop(I32);
}

export const RULES = {
  unreachable: (v) => v.unreachable(),
  nop: () => {},
  block,
  loop: block,
  if: block,
  else: (v) => {
    const frame = v.popControl();
    if (frame.slot !== SLOT_OF.if) throw v.error("unexpected else: END opcode expected");
    v.pushControl(SLOT_OF.else, frame.starts, frame.ends);
  },
  end: (v) => {
    const frame = v.popControl();
    if (frame.slot === SLOT_OF.if && !allMatch(frame.starts, frame.ends)) {
      throw v.mismatch(typeNames(frame.ends), typeNames(frame.starts));
    }
    v.pushAll(frame.ends);
  },
  br: (v, reader) => {
    v.popAll(v.label(reader.u32()));
    v.unreachable();
  },
  br_if: (v, reader) => {
    const types = v.label(reader.u32());
    v.pop(I32);
    passThrough(v, types);
  },
  br_table: (v, reader) => {
    const count = reader.count("branch targets", MAX_BR_TABLE);
    const labels = [];
    for (let index = 0; index < count; index++) labels.push(reader.u32());
    const last = v.label(reader.u32());
    v.pop(I32);
    for (const depth of labels) {
      const types = v.label(depth);
      if (types.length !== last.length) throw v.mismatch(typeNames(last), typeNames(types));
      // The operands stay as they are, anything where the code is unreachable.
      const taken = [];
      for (let index = types.length - 1; index >= 0; index--) taken.push(v.pop(types[index]));
      while (taken.length > 0) v.push(taken.pop());
    }
    v.popAll(last);
    v.unreachable();
  },
  return: (v) => {
    v.popAll(v.results);
    v.unreachable();
  },
  call: (v, reader) => call(v, v.func(reader.u32())),
  call_indirect: (v, reader) => call(v, indirectType(v, reader)),
  call_ref: (v, reader) => call(v, referredType(v, reader)),
  return_call: (v, reader) => returnCall(v, v.func(reader.u32())),
  return_call_indirect: (v, reader) => returnCall(v, indirectType(v, reader)),
  return_call_ref: (v, reader) => returnCall(v, referredType(v, reader)),

  throw: (v, reader) => {
    v.popAll(v.tag(reader.u32()).params);
    v.unreachable();
  },
  throw_ref: (v) => {
    v.pop(EXNREF);
    v.unreachable();
  },
  try_table: (v, reader) => {
    const type = readBlockType(reader);
    v.popAll(type.params);
    for (const { kind, tag, label } of readCatches(reader)) {
      const caught = kind < 2 ? v.tag(tag).params.slice() : [];
      if (kind & 1) caught.push(CAUGHT);
      const wanted = v.label(label);
      if (!allMatch(caught, wanted)) throw v.mismatch(typeNames(wanted), typeNames(caught));
    }
    v.pushControl(v.slot, type.params, type.results);
  },

  drop: (v) => v.popAny(),
  select: (v, reader) => {
    if (v.slot === SLOT_OF.select + 1) {
      const count = reader.u32();
      if (count !== 1) throw v.error("invalid result arity");
      const type = reader.valueType();
      v.pop(I32);
      select(v, type);
      return;
    }
    v.pop(I32);
    const second = v.popAny();
    const first = v.popAny();
    if (isReference(first) || isReference(second)) {
      throw v.mismatch("numbers", typeName(isReference(first) ? first : second));
    }
    if (first !== second && first !== BOT && second !== BOT) throw v.mismatch(typeName(first), typeName(second));
    v.push(first === BOT ? second : first);
  },

  "local.get": (v, reader) => {
    const index = reader.u32();
    const type = v.local(index);
    if (v.unset.has(index)) throw v.error(`uninitialized local ${index}`);
    v.push(type);
  },
  "local.set": (v, reader) => {
    const index = reader.u32();
    v.pop(v.local(index));
    v.setLocal(index);
  },
  "local.tee": (v, reader) => {
    const index = reader.u32();
    const type = v.local(index);
    v.pop(type);
    v.setLocal(index);
    v.push(type);
  },
  "global.get": (v, reader) => v.push(v.global(reader.u32()).type),
  "global.set": (v, reader) => {
    const index = reader.u32();
    const global = v.global(index);
    if (!global.mutable) throw v.error(`immutable global ${index}`);
    v.pop(global.type);
  },

  "table.get": (v, reader) => {
    const { type } = v.table(reader.u32());
    v.pop(I32);
    v.push(type);
  },
  "table.set": (v, reader) => {
    v.pop(v.table(reader.u32()).type);
    v.pop(I32);
  },
  "table.size": (v, reader) => {
    v.table(reader.u32());
    v.push(I32);
  },
  "table.grow": (v, reader) => {
    const { type } = v.table(reader.u32());
    v.pop(I32);
    v.pop(type);
    v.push(I32);
  },
  "table.fill": (v, reader) => {
    const { type } = v.table(reader.u32());
    v.pop(I32);
    v.pop(type);
    v.pop(I32);
  },
  "table.copy": (v, reader) => {
    const to = v.table(reader.u32());
    const from = v.table(reader.u32());
    if (!matches(from.type, to.type)) throw v.mismatch(typeName(to.type), typeName(from.type));
    copyOrFill(v);
  },
  "table.init": (v, reader) => {
    const segment = v.elem(reader.u32());
    const table = v.table(reader.u32());
    if (!matches(segment.type, table.type)) throw v.mismatch(typeName(table.type), typeName(segment.type));
    copyOrFill(v);
  },
  "elem.drop": (v, reader) => v.elem(reader.u32()),

  "memory.size": (v, reader) => {
    v.memory(reader.u32());
    v.push(I32);
  },
  "memory.grow": (v, reader) => {
    v.memory(reader.u32());
    v.pop(I32);
    v.push(I32);
  },
  "memory.fill": (v, reader) => {
    v.memory(reader.u32());
    copyOrFill(v);
  },
  "memory.copy": (v, reader) => {
    v.memory(reader.u32());
    v.memory(reader.u32());
    copyOrFill(v);
  },
  "memory.init": (v, reader) => {
    const segment = reader.u32();
    v.memory(reader.u32());
    v.data(segment);
    copyOrFill(v);
  },
  "data.drop": (v, reader) => v.data(reader.u32()),

  "ref.null": (v, reader) => v.push(reader.heapType(true)),
  "ref.is_null": (v) => {
    v.popReference();
    v.push(I32);
  },
  "ref.func": (v, reader) => {
    const index = reader.u32();
    const type = v.func(index);
    if (v.constantGlobals < 0 && !v.declared.has(index)) throw v.error(`undeclared function reference ${index}`);
    v.push(INDEXED + 2 * type.id);
  },
  "ref.as_non_null": (v) => v.push(asNonNull(v.popReference())),
  br_on_null: (v, reader) => {
    const types = v.label(reader.u32());
    const reference = v.popReference();
    passThrough(v, types);
    v.push(asNonNull(reference));
  },
  br_on_non_null: (v, reader) => {
    const types = v.label(reader.u32());
    const last = types[types.length - 1];
    if (last === undefined || !isReference(last)) throw v.mismatch("a label that takes a reference", typeNames(types));
    v.pop(asNullable(last));
    passThrough(v, types.slice(0, -1));
  },
};
