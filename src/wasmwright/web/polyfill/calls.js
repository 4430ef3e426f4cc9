// Functions as values: what a funcref is, how it is called, and calls that end a function.
import { trap } from "./errors.js";

/**
 * A function as references see it. `code` is what translated code calls, undefined until it has been
 * translated; `link` translates it.
 */
export class Func {
  constructor(type, code, link, name) {
    this.type = type;
    this.code = code;
    this.link = link;
    /** The function's index in its module, which is the name of its JavaScript function. */
    this.name = name;
    /** The JavaScript function of the API, once there is one; see exported.js. */
    this.exported = null;
  }
}

/** The code of a function, translated if need be. */
export function codeOf(func) {
  return func.code === undefined ? (func.code = func.link()) : func.code;
}

/** The function in a table that an indirect call means. */
export function target(elements, index, type) {
  const func = elements[index];
  if (func === undefined || func === null) {
    throw trap(func === null ? `uninitialized element ${index >>> 0}` : "undefined element");
  }
  if (func.type !== type) throw trap("indirect call type mismatch");
  return func;
}

/** Its code. */
export function callee(elements, index, type) {
  const func = elements[index];
  if (func === undefined || func === null || func.type !== type || func.code === undefined) {
    return codeOf(target(elements, index, type));
  }
  return func.code;
}

export function nonNull(reference) {
  if (reference === null) throw trap("null reference");
  return reference;
}

/** The function that a reference refers to. */
export function referredFunc(func) {
  if (func === null) throw trap("null function reference");
  return func;
}

/** Its code. */
export function referred(func) {
  return codeOf(referredFunc(func));
}

// Tail calls. A function that ends with a call leaves it here and returns; whoever called it (its
// `tailCaller`) does the call, so that the stack does not grow.
let next = null;
let nextArguments = null;

/** Leaves a call to be done. */
export function tailCall(func, values) {
  next = func;
  nextArguments = values;
}

/** The function to call in place of one that leaves calls to be done. */
export function tailCaller(body) {
  const caller = (...values) => {
    let result = body(...values);
    while (next !== null) {
      const code = codeOf(next);
      const given = nextArguments;
      next = null;
      result = (code.body || code)(...given);
    }
    return result;
  };
  caller.body = body;
  return caller;
}
