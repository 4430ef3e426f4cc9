// The operand stack of a function that is translated: JavaScript expressions that wait to be used.
//
// An operand is evaluated where it is used, unless something between would change its value or the
// order of effects: then it is first assigned to a temporary variable. The temporary of an operand
// at height 5 is `i5`, `l5` and `h5` (the halves of an i64), `s5`, `d5` or `r5`, by its type.
import { F32, F64, I32, I64 } from "./types.js";

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
 * of the high half. An `atom` is cheap and without effects, so that it may be repeated.
 */
export class Operand {
  constructor(type, text, high, flags, mask, atom) {
    this.type = type;
    this.text = text;
    this.high = high;
    this.flags = flags;
    this.mask = mask;
    this.atom = atom;
    /** An expression of the same truth, where `text` is null or longer. */
    this.condition = null;
    /** The same value as bits, for floats that are only moved: `[low]`, or `[low, high]`. */
    this.bits = null;
    /** Whether an i32 is known not to be negative. */
    this.natural = false;
    /** The number, where it is a constant i32. */
    this.constant = undefined;
    /** Whether it stands in its own temporary. */
    this.settled = false;
  }

  /** The expression of its value. */
  get value() {
    return this.text === null ? `(${this.condition}|0)` : this.text;
  }

  /** An expression that is true where an i32 is not zero. */
  get truth() {
    return this.condition === null ? this.value : this.condition;
  }
}

export function temporaryName(type, height) {
  switch (type) {
    case I32:
      return `i${height}`;
    case I64:
      return `l${height}`;
    case F32:
      return `s${height}`;
    case F64:
      return `d${height}`;
    default:
      return `r${height}`;
  }
}

/** The operand stack of one function, which writes statements to `out` as it must. */
export class Operands {
  constructor() {
    this.out = [];
    this.stack = [];
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
    if (operand.text !== null && operand.text.length > MAX_EXPRESSION) this.settle(this.stack.length - 1);
    return operand;
  }

  /** An operand with no operands of its own, or whose operands are atoms. */
  pushText(type, text, high, flags, mask) {
    return this.push(new Operand(type, text, high, flags, mask, false));
  }

  /** An i32 that is 0 or 1, by a condition. */
  pushCondition(condition, flags, mask) {
    const operand = new Operand(I32, null, null, flags, mask, false);
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
    const high = type === I64 ? `y${index}` : null;
    this.stack.push(new Operand(type, `x${index}`, high, 0, localBit(index), true));
  }

  /** An operand in the temporary of its height, which a statement before has set. */
  pushTemporary(type) {
    this.stack.push(this.temporary(type, this.stack.length));
  }

  temporary(type, height) {
    const name = this.declare(type, height);
    const operand = new Operand(type, name, type === I64 ? `h${height}` : null, 0, temporaryBit(height), true);
    operand.settled = true;
    return operand;
  }

  /** The name of a temporary that is about to be set, once nothing waits that reads it. */
  declare(type, height) {
    const name = temporaryName(type, height);
    this.temporaries.add(name);
    if (type === I64) this.temporaries.add(`h${height}`);
    return name;
  }

  /** The name of the temporary for the next operand; see `declare`. */
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
    const name = this.declare(operand.type, height);
    if (operand.type !== I64) {
      if (operand.value !== name) this.out.push(`${name}=${operand.value};`);
      return;
    }
    this.assignHalves(name, `h${height}`, operand);
  }

  /** Assigns both halves, in an order in which none is read after it is set. */
  assignHalves(low, high, operand) {
    const { text, high: upper } = operand;
    if (text === low && upper === high) return;
    if (!text.includes(high)) this.out.push(`${high}=${upper};${low}=${text};`);
    else if (!upper.includes(low)) this.out.push(`${low}=${text};${high}=${upper};`);
    else this.out.push(`$=${text};${high}=${upper};${low}=$;`);
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
