// The operand stack of a function that is translated: JavaScript expressions that wait to be used.
//
// An operand is evaluated where it is used, unless something between would change its value or the
// order of effects: then it is first assigned to a temporary variable. The temporary of an operand
// at height 5 is `i5`, `l5` and `h5` (the halves of an i64), `v5`, `w5`, `p5` and `q5` (the words of a
// v128), `s5`, `d5` or `r5`, by its type.
import { F32, F64, I32, I64, V128, wordsOf } from "./types.js";

/** What evaluating an operand does: reads what code can change, may trap, may change something. */
export const READS = 1;
export const TRAPS = 2;
export const ACTS = 4;
export const EFFECTS = READS | TRAPS | ACTS;

/** Longer expressions are cut, so that engines need not recurse deeply to parse them. */
const MAX_EXPRESSION = 600;

// Which variables an expression reads, as a set of few bits: a variable's bit stands for others too.
const localBit = (index) => 1 << index % 17;
const temporaryBit = (height) => 1 << (17 + (height % 14));

/**
 * An operand: its type and its expression; of an i64, the expressions of the low half and (`high`)
 * of the high half; of a v128 those of its words, the upper two in `rest`. An `atom` is cheap and without effects, so that it may be repeated.
 */
export class Operand {
  constructor(type, text, high, flags, mask, atom) {
    this.type = type;
    this.text = text;
    this.high = high;
    this.rest = null;
    this.flags = flags;
    this.mask = mask;
    this.atom = atom;
    /** An expression of the same truth that is shorter. */
    this.condition = null;
    /** The same value as bits, for floats that are only moved: `[low]`, or `[low, high]`. */
    this.bits = null;
    /** The same 64 bits as a BigInt, where the engine interprets and they are only moved. */
    this.whole = null;
    /** A shorter expression that does as well: for an f32 to be stored, or for an i32 as an address. */
    this.brief = null;
    /** Whether an i32 is known not to be negative. */
    this.natural = false;
    /** The number, where it is a constant i32. */
    this.constant = undefined;
    /** Whether it stands in its own temporary. */
    this.settled = false;
  }

  /** The expressions of its words. */
  get words() {
    if (this.high === null) return [this.text];
    return this.rest === null ? [this.text, this.high] : [this.text, this.high, ...this.rest];
  }

  /** An expression that is true where an i32 is not zero. */
  get truth() {
    return this.condition === null ? this.text : this.condition;
  }
}

const TEMPORARIES = { [I32]: ["i"], [I64]: ["l", "h"], [F32]: ["s"], [F64]: ["d"], [V128]: ["v", "w", "p", "q"] };

/** The names of the temporaries of a type at a height. */
function temporaryNames(type, height) {
  return (TEMPORARIES[type] || ["r"]).map((letter) => letter + height);
}

/** The names of a local variable, or a parameter. */
export function localNames(type, index) {
  return ["x", "y", "z", "u"].slice(0, wordsOf(type)).map((letter) => letter + index);
}

/** What evaluating all of some operands does, and what they read: `{ flags, mask }`. */
export function together(operands) {
  let flags = 0;
  let mask = 0;
  for (const operand of operands) {
    flags |= operand.flags;
    mask |= operand.mask;
  }
  return { flags, mask };
}

/** The operand that is a variable. */
function variable(type, names, mask) {
  const operand = new Operand(type, names[0], names.length > 1 ? names[1] : null, 0, mask, true);
  if (names.length > 2) operand.rest = names.slice(2);
  return operand;
}

/** The operand stack of one function, which writes statements to `out` as it must. */
export class Operands {
  constructor(interpreted) {
    /** Whether the code is for an engine that interprets. */
    this.interpreted = interpreted;
    this.out = [];
    this.stack = [];
    /** What makes an i32 of a condition, in front of a parenthesis. */
    this.numeral = interpreted ? "?1:0" : "|0";
    /** The temporaries that the function declares. */
    this.temporaries = new Set();
  }

  /** Writes a statement. */
  statement(text) {
    this.out.push(text);
  }

  get height() {
    return this.stack.length;
  }

  push(operand) {
    if (operand.flags & EFFECTS) this.settleBelow(operand.flags);
    this.stack.push(operand);
    if (operand.text.length + (operand.high || "").length > MAX_EXPRESSION) this.settle(this.stack.length - 1);
    return operand;
  }

  /** An operand with no operands of its own, or whose operands are atoms. */
  pushText(type, text, high, flags, mask) {
    return this.push(new Operand(type, text, high, flags, mask, false));
  }

  /** A v128 by its words. */
  pushWords(words, flags, mask) {
    const operand = new Operand(V128, words[0], words[1], flags, mask, false);
    operand.rest = words.slice(2);
    return this.push(operand);
  }

  /** An i32 that is 0 or 1, by a condition. Compilers need no branch for `|0`, interpreters less for `?`. */
  pushCondition(condition, flags, mask) {
    const operand = new Operand(I32, `(${condition}${this.numeral})`, null, flags, mask, false);
    operand.condition = condition;
    operand.natural = true;
    return this.push(operand);
  }

  pushConstant(number) {
    const operand = new Operand(I32, number < 0 ? `(${number})` : `${number}`, null, 0, 0, true);
    operand.natural = number >= 0;
    operand.constant = number;
    this.stack.push(operand);
  }

  pushLocal(type, index) {
    this.stack.push(variable(type, localNames(type, index), localBit(index)));
  }

  /** An operand in the temporary of its height, which a statement before has set. */
  pushTemporary(type) {
    this.stack.push(this.temporary(type, this.stack.length));
  }

  temporary(type, height) {
    const operand = variable(type, this.declare(type, height), temporaryBit(height));
    operand.settled = true;
    return operand;
  }

  /** The names of a temporary, which the function then declares. */
  declare(type, height) {
    const names = temporaryNames(type, height);
    for (const name of names) this.temporaries.add(name);
    return names;
  }

  /** The names of the temporary for the next operand, once nothing waits that reads it. */
  next(type) {
    this.protect(this.stack.length);
    return this.declare(type, this.stack.length);
  }

  pop() {
    return this.stack.pop();
  }

  /** Takes an operand whose expressions may be repeated. */
  popAtom() {
    const top = this.stack.length - 1;
    if (!this.stack[top].atom) this.settle(top);
    return this.stack.pop();
  }

  /** Takes an i64 of which only the low half is used: all of it is evaluated where that may trap. */
  popLow() {
    const top = this.stack.length - 1;
    return this.stack[top].flags & TRAPS ? this.popAtom() : this.stack.pop();
  }

  /** Takes `count` operands, all of which may be repeated. */
  popAtoms(count) {
    const first = this.stack.length - count;
    for (let index = first; index < this.stack.length; index++) {
      if (!this.stack[index].atom) this.settle(index);
    }
    return this.stack.splice(first, count);
  }

  /** Takes `count` operands, to be evaluated in their order. */
  popSome(count) {
    return count === 0 ? [] : this.stack.splice(this.stack.length - count, count);
  }

  /** Assigns the operand at an index to its temporary. */
  settle(index) {
    const operand = this.stack[index];
    if (operand.settled) return;
    // What waits below with effects comes first.
    if (operand.flags & EFFECTS) {
      for (let below = 0; below < index; below++) {
        if (this.stack[below].flags & EFFECTS) this.settle(below);
      }
    }
    this.protect(index);
    this.assign(operand, index);
    this.stack[index] = this.temporary(operand.type, index);
  }

  /** Settles what waits below `index` and reads the temporary of that height. */
  protect(index) {
    const bit = temporaryBit(index);
    for (let below = 0; below < index; below++) {
      if (this.stack[below].mask & bit) this.settle(below);
    }
  }

  /** Writes the assignment of an operand to the temporary of a height. */
  assign(operand, height) {
    this.assignWords(this.declare(operand.type, height), operand.words);
  }

  /** Assigns expressions to variables, in an order in which none is read after it is set. */
  assignWords(names, texts) {
    let pending = names.map((name, index) => ({ name, text: texts[index] })).filter(({ name, text }) => name !== text);
    const late = [];
    while (pending.length > 0) {
      const next = pending.find(({ name }) => pending.every((other) => other.name === name || !other.text.includes(name)));
      const chosen = next || pending[0];
      if (next === undefined) {
        // They go in a circle.
        const scratch = late.length === 0 ? "$" : `$${late.length}`;
        if (late.length > 0) this.temporaries.add(scratch);
        this.out.push(`${scratch}=${chosen.text};`);
        late.push(`${chosen.name}=${scratch};`);
      } else {
        this.out.push(`${chosen.name}=${chosen.text};`);
      }
      pending = pending.filter((each) => each !== chosen);
    }
    this.out.push(...late);
  }

  /** Settles what waits and must not see, or be overtaken by, something with these effects. */
  settleBelow(flags) {
    // Two operands that only read or trap may wait together.
    const mask = flags & ACTS ? EFFECTS : ACTS;
    for (let index = 0; index < this.stack.length; index++) {
      if (this.stack[index].flags & mask) this.settle(index);
    }
  }

  /** Settles all that waits with effects: a statement follows that acts. */
  settleEffects() {
    this.settleBelow(ACTS);
  }

  /** Settles whatever reads a local variable that is about to be set. */
  settleLocal(index) {
    const bit = localBit(index);
    for (let at = 0; at < this.stack.length; at++) {
      if (this.stack[at].mask & bit) this.settle(at);
    }
  }

  /** Settles all but constants: control goes elsewhere. */
  settleAll() {
    for (let index = 0; index < this.stack.length; index++) {
      if (this.stack[index].mask !== 0 || !this.stack[index].atom) this.settle(index);
    }
  }
}
