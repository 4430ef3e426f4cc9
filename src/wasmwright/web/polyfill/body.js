// Function bodies and constant expressions, validated (section "Validation", and its appendix on the
// algorithm). One walk, with a stack of operand types and one of control frames.
import { compileError } from "./errors.js";
import { ACCESS_WIDTH, KINDS, MNEMONICS, OPERANDS, readMemarg, readOpcode, RESULTS, skipImmediate, SLOT_OF } from "./instructions.js";
import { MAX_LOCALS } from "./limits.js";
import { Reader } from "./reader.js";
import { BOT, isDefaultable, isReference, matches, typeName, typeNames } from "./types.js";
import { RULES } from "./rules.js";

const RULE_OF = MNEMONICS.map((name) => RULES[name]);
/** The instructions of constant expressions. */
const CONSTANT = MNEMONICS.map((name) =>
  /^(i32|i64)\.(const|add|sub|mul)$|^(f32|f64|v128)\.const$|^ref\.(null|func)$|^global\.get$|^end$/.test(name || ""));

/** How many lanes there are that an instruction's immediate may name. */
function laneCount(slot) {
  const shape = /^\w+?x(\d+)\./.exec(MNEMONICS[slot]);
  return shape !== null ? Number(shape[1]) : 16 >> ACCESS_WIDTH[slot];
}

/** Validates one body after another of one module. Throws CompileError. */
export class Validator {
  /** `declared` is the set of functions that ref.func may name. */
  constructor(module, declared) {
    this.module = module;
    this.declared = declared;
    this.reader = new Reader(module.bytes, 0, module.bytes.length, module.types);
    this.stack = [];
    this.controls = [];
    this.locals = [];
    this.results = [];
    /** Of the locals that have no default: which are set, and in which order they were. */
    this.unset = new Set();
    this.setOrder = [];
    /** Where the current instruction begins, and its slot. */
    this.at = 0;
    this.slot = 0;
    /** How many globals a constant expression may read; -1 in a body. */
    this.constantGlobals = -1;
  }

  /** A function's body. */
  body(type, code) {
    this.locals = type.params.slice();
    this.unset.clear();
    for (const [count, local] of code.locals) {
      if (this.locals.length + count > MAX_LOCALS) throw this.error("too many locals");
      for (let left = count; left > 0; left--) {
        if (!isDefaultable(local)) this.unset.add(this.locals.length);
        this.locals.push(local);
      }
    }
    this.constantGlobals = -1;
    this.walk(code.start, code.end, type.results);
    if (this.reader.pos !== code.end) throw compileError("section size mismatch: unexpected end of body", this.reader.pos);
  }

  /** A constant expression, whose global.get may name the first `globals` globals. */
  constant(start, type, globals) {
    this.locals = [];
    this.unset.clear();
    this.constantGlobals = globals;
    this.walk(start, this.module.bytes.length, [type]);
  }

  walk(start, end, results) {
    const { reader, stack, controls } = this;
    reader.pos = start;
    reader.end = end;
    stack.length = 0;
    controls.length = 0;
    this.setOrder.length = 0;
    this.results = results;
    this.pushControl(SLOT_OF.block, [], results);
    while (controls.length > 0) {
      if (reader.pos >= end) throw compileError("unexpected end of section or function: END opcode expected", end);
      this.at = reader.pos;
      const slot = readOpcode(reader);
      this.slot = slot;
      if (this.constantGlobals >= 0 && !CONSTANT[slot]) throw this.error("constant expression required");
      const rule = RULE_OF[slot];
      if (rule !== undefined) rule(this, reader);
      else this.fixed(slot);
    }
  }

  /** An instruction whose row in the table types it. */
  fixed(slot) {
    const operands = OPERANDS[slot];
    if (operands === undefined) throw this.error("illegal opcode");
    if (KINDS[slot].length > 0) this.immediates(slot);
    for (let index = operands.length - 1; index >= 0; index--) this.pop(operands[index]);
    const results = RESULTS[slot];
    if (results.length > 0) this.stack.push(results[0]);
  }

  immediates(slot) {
    for (const kind of KINDS[slot]) {
      if (kind === "memarg") this.memarg(ACCESS_WIDTH[slot]);
      else if (kind === "lane") this.lane(laneCount(slot));
      else if (kind === "lanes") for (let left = 16; left > 0; left--) this.lane(32);
      else skipImmediate(this.reader, kind);
    }
  }

  /** The immediate that names one of `count` lanes. */
  lane(count) {
    if (this.reader.byte() >= count) throw this.error("invalid lane index");
  }

  /** The immediate of a load or store of 2 ** `width` bytes. */
  memarg(width) {
    const { memory, align, offset } = readMemarg(this.reader);
    this.memory(memory);
    if (align > width) throw this.error("alignment must not be larger than natural");
    if (offset > 0xffffffff) throw this.error("offset out of range");
  }

  error(message) {
    return compileError(message, this.at);
  }

  mismatch(wanted, found) {
    return this.error(`type mismatch: ${MNEMONICS[this.slot]} expected ${wanted}, found ${found}`);
  }

  // Operands

  push(type) {
    this.stack.push(type);
  }

  pushAll(types) {
    for (const type of types) this.stack.push(type);
  }

  /** Takes an operand of any type. */
  popAny() {
    const frame = this.controls[this.controls.length - 1];
    if (this.stack.length === frame.height) {
      if (frame.unreachable) return BOT;
      throw this.mismatch("an operand", "none");
    }
    return this.stack.pop();
  }

  /** Takes an operand that matches `type`. */
  pop(type) {
    const found = this.popAny();
    if (found !== type && !matches(found, type)) throw this.mismatch(typeName(type), typeName(found));
    return found;
  }

  popAll(types) {
    for (let index = types.length - 1; index >= 0; index--) this.pop(types[index]);
  }

  /** Takes a reference of any type; BOT where it may be anything. */
  popReference() {
    const found = this.popAny();
    if (found !== BOT && !isReference(found)) throw this.mismatch("a reference", typeName(found));
    return found;
  }

  // Control

  pushControl(slot, starts, ends) {
    this.controls.push({
      slot,
      starts,
      ends,
      height: this.stack.length,
      unreachable: false,
      set: this.setOrder.length,
    });
    this.pushAll(starts);
  }

  popControl() {
    const frame = this.controls[this.controls.length - 1];
    this.popAll(frame.ends);
    if (this.stack.length !== frame.height) {
      throw this.mismatch(typeNames(frame.ends), "values remaining on the stack");
    }
    while (this.setOrder.length > frame.set) this.unset.add(this.setOrder.pop());
    this.controls.pop();
    return frame;
  }

  unreachable() {
    const frame = this.controls[this.controls.length - 1];
    this.stack.length = frame.height;
    frame.unreachable = true;
  }

  /** What a branch to this label takes. */
  label(depth) {
    if (depth >= this.controls.length) throw this.error(`unknown label ${depth}`);
    const frame = this.controls[this.controls.length - 1 - depth];
    return frame.slot === SLOT_OF.loop ? frame.starts : frame.ends;
  }

  // Indices

  /** The member of an index space. */
  member(list, index, what) {
    if (index >= list.length) throw this.error(`unknown ${what} ${index}`);
    return list[index];
  }

  type(index) {
    return this.member(this.module.types, index, "type");
  }

  func(index) {
    return this.member(this.module.funcs, index, "function");
  }

  table(index) {
    return this.member(this.module.tables, index, "table");
  }

  memory(index) {
    return this.member(this.module.memories, index, "memory");
  }

  tag(index) {
    return this.member(this.module.tags, index, "tag");
  }

  elem(index) {
    return this.member(this.module.elems, index, "elem segment");
  }

  data(index) {
    if (this.module.dataCount < 0) throw this.error("data count section required");
    if (index >= this.module.dataCount) throw this.error(`unknown data segment ${index}`);
  }

  local(index) {
    return this.member(this.locals, index, "local");
  }

  global(index) {
    const global = this.member(this.module.globals, index, "global");
    if (this.constantGlobals >= 0) {
      if (index >= this.constantGlobals) throw this.error(`unknown global ${index}`);
      if (global.mutable) throw this.error("constant expression required");
    }
    return global;
  }

  setLocal(index) {
    if (this.unset.delete(index)) this.setOrder.push(index);
  }
}
