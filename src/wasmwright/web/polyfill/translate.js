// One function of a validated module, translated to the source of a JavaScript function.
//
// Function 12 becomes `function f12(x0, x1, y1 …)`: a parameter for each of its own, two where it is an
// i64. The code stands in the scope of its instance (see scope.js) and of this library.
import { ACCESS } from "./access.js";
import { MNEMONICS, readOpcode, skipImmediates, SLOT_OF } from "./instructions.js";
import { NUMERIC } from "./numeric.js";
import { EFFECTS, localNames, Operands } from "./operands.js";
import { dividedSource, sharedNames } from "./outline.js";
import { Reader } from "./reader.js";
import { Block, STRUCTURE } from "./structure.js";
import { F32, F64, I64, INDEXED, isReference, V128, wordsOf } from "./types.js";
import { VECTORS } from "./vector.js";
import { WIDE } from "./wide.js";

const HANDLERS = MNEMONICS.map((name) => NUMERIC[name] || WIDE[name] || ACCESS[name] || STRUCTURE[name] || VECTORS[name]);

/**
 * Bodies of more bytes than this are divided, as engines do not optimise functions beyond a length (see
 * outline.js). Where so many characters of source are left, it calls functions for memory accesses.
 */
const LONG = 9000;
const LONG_SOURCE = 36000;

/** How a parameter becomes a variable. Compilers see only its values: what its type is is said once. */
function entry(type, name, given, interpreted) {
  if (interpreted || isReference(type)) return name === given ? "" : `${name}=${given};`;
  return type === F32 || type === F64 ? `${name}=+${given};` : `${name}=${given}|0;`;
}

class Translator extends Operands {
  constructor(module, index, isTranslated, { interpreted = false, divides = false, compact = false }) {
    super(interpreted);
    this.module = module;
    this.index = index;
    this.isTranslated = isTranslated;
    this.type = module.funcs[index];
    const code = module.codes[index - module.imported.funcs];
    this.code = code;
    this.locals = this.type.params.slice();
    for (const [count, type] of code.locals) for (let left = count; left > 0; left--) this.locals.push(type);
    this.blocks = [];
    this.dead = false;
    this.slot = 0;
    /** Whether it becomes several functions; those. */
    this.divides = divides;
    this.parts = [];
    /** Whether accesses to memory are calls of functions. */
    this.compact = compact;
    /** Whether it leaves calls to its caller; whether it begins again. */
    this.tails = false;
    this.restarts = false;
  }

  translate() {
    const { module, code } = this;
    const reader = new Reader(module.bytes, code.start, code.end, module.types);
    this.blocks.push(new Block(SLOT_OF.block, { params: [], results: this.type.results }, 0, 0, 0));
    while (this.blocks.length > 0) {
      const slot = readOpcode(reader);
      this.slot = slot;
      if (this.dead && this.skipDead(reader, slot)) continue;
      HANDLERS[slot](this, reader);
    }
    return this.source();
  }

  /** Skips an instruction that is never reached; not the end of a block, or an `else`. */
  skipDead(reader, slot) {
    if (slot === SLOT_OF.end || slot === SLOT_OF.else) return false;
    let depth = 0;
    for (;;) {
      if (slot === SLOT_OF.block || slot === SLOT_OF.loop || slot === SLOT_OF.if || slot === SLOT_OF.try_table) depth++;
      if (slot === SLOT_OF.end) depth--;
      skipImmediates(reader, slot);
      if (depth === 0) return true;
      slot = readOpcode(reader);
    }
  }

  source() {
    // Names of the scope cost less than properties where nothing is compiled, and more where it is.
    const body = this.interpreted ? this.out.join("").replace(/Math\./g, "") : this.out.join("");
    this.length = body.length;
    // What its parts use too is declared around all of them.
    const shared = sharedNames(this.parts);
    const locals = [];
    const params = [];
    let begin = "";
    // Locals are zero again where the function begins again.
    let zeros = "";
    this.locals.forEach((type, index) => {
      for (const name of localNames(type, index)) {
        if (index < this.type.params.length) {
          const given = shared.has(name) ? name.toUpperCase() : name;
          params.push(given);
          begin += entry(type, name, given, this.interpreted);
        } else {
          locals.push(name);
          zeros += `${name}=${isReference(type) ? "null" : "0"};`;
        }
      }
    });
    // V8 has shorter code for the first 16 variables: locals are used more than what comes and goes.
    const variables = [...locals, ...this.temporaries, "$"].filter((name) => !shared.has(name));
    const text = `(${params}){${begin}var ${variables};${this.restarts ? `L:for(;;){${zeros}${body}}` : zeros + body}}`;
    if (this.parts.length > 0) {
      const divided = dividedSource(this.parts, shared, `f${this.index}`, params, text);
      return this.tails ? `tailCaller(${divided})` : divided;
    }
    if (!this.tails) return `function f${this.index}${text}`;
    // What it leaves to its caller is done by a function around it.
    return `tailCaller(function${text})`;
  }

  // Names

  /** The expression of a function to be called, translated by then. */
  callee(index) {
    const name = `f${index}`;
    return this.isTranslated(index) || index === this.index ? name : `(${name}===undefined?E.link(${index}):${name})`;
  }

  globalNames(index) {
    const names = this.module.shared.has(index)
      ? ["value", "high", "third", "fourth"].map((name) => `G${index}.${name}`)
      : ["g", "k", "m", "n"].map((letter) => letter + index);
    return names.slice(0, wordsOf(this.module.globals[index].type));
  }

  typeId(type) {
    return `t${this.module.types.indexOf(type)}`;
  }

  functionReference(index) {
    return INDEXED + 2 * this.module.funcs[index].id;
  }

  // Control

  /** Takes an operand that is evaluated before a branch, behind all that waits with effects. */
  popAfter() {
    const operand = this.pop();
    for (let index = 0; index < this.height; index++) {
      if (this.stack[index].flags & EFFECTS) this.settle(index);
    }
    return operand;
  }

  /** Takes the condition of an `if`; all that waits is settled, as control may go either way. */
  popConditionAfter() {
    // An operand reads no temporaries below its own height: settling those does not change it.
    const operand = this.pop();
    this.settleAll();
    return operand.truth;
  }

  /** The statement that leaves for a label, once its values are in place. */
  jump(depth) {
    const block = this.blocks[this.blocks.length - 1 - depth];
    if (this.blocks.length - 1 === depth) return "return;";
    block.used = true;
    return block.slot === SLOT_OF.loop ? `continue L${block.label};` : `break L${block.label};`;
  }

  /** Writes a branch, which leaves the operands as they are. */
  branch(depth) {
    const block = this.blocks[this.blocks.length - 1 - depth];
    if (this.blocks.length - 1 === depth) {
      const kept = this.stack.slice();
      this.returnResults();
      this.stack = kept;
      return;
    }
    const { taken } = block;
    this.move(this.stack.slice(this.height - taken.length), taken, block.height);
    this.statement(this.jump(depth));
  }

  /** Assigns operands to the temporaries from a height on. */
  move(operands, types, height) {
    operands.forEach((operand, index) => {
      this.assignWords(this.declare(types[index], height + index), operand.words);
    });
  }

  /** At the end of a block's code: its results go to where they are expected. */
  finishBranch(block) {
    if (this.dead) return;
    block.reached = true;
    this.settleResults(block);
  }

  settleResults(block) {
    for (let index = block.height; index < this.height; index++) this.settle(index);
  }

  returnResults() {
    const { results } = this.type;
    if (results.length === 0) {
      this.statement("return;");
      return;
    }
    if (results.length === 1 && results[0] !== V128) {
      const top = this.height - 1;
      if (results[0] === I64 && this.stack[top].flags & EFFECTS) this.settle(top);
      const operand = this.pop();
      if (results[0] === I64) this.statement(`high=${operand.high};return ${operand.text};`);
      else this.statement(`return ${operand.text};`);
      return;
    }
    const texts = this.popSome(results.length).flatMap((operand) => operand.words);
    this.statement(`return [${texts.join()}];`);
  }
}

/**
 * The source of a function of a module, for an engine that compiles or one that interprets. `isTranslated`
 * says which functions can be called by name; others are translated when they are first called.
 */
export function translateFunction(module, index, isTranslated, interpreted) {
  const code = module.codes[index - module.imported.funcs];
  const divides = !interpreted && code.end - code.start > LONG;
  const whole = new Translator(module, index, isTranslated, { interpreted, divides });
  const source = whole.translate();
  if (!divides || whole.length < LONG_SOURCE) return source;
  return new Translator(module, index, isTranslated, { divides, compact: true }).translate();
}
