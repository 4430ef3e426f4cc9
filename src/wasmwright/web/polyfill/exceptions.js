// Exceptions, between WebAssembly and JavaScript. What is thrown is what JavaScript sees: an object
// of the API's class Exception, or whatever JavaScript code has thrown itself, which to WebAssembly is
// an exception of the tag JS_TAG. What code holds as an exnref is an ExceptionStore.
import { isTrap, trap } from "./errors.js";
import { TagStore } from "./stores.js";
import { EXTERNREF, functionType } from "./types.js";

/** The tag of exceptions that JavaScript threw. */
export const JS_TAG = new TagStore(functionType([EXTERNREF], []));

export class ExceptionStore {
  /** `values` as code holds them, an i64 as two; `thrown` is what JavaScript sees. */
  constructor(tag, values, thrown) {
    this.tag = tag;
    this.values = values;
    this.thrown = thrown;
  }
}

/** The exceptions that objects of the class Exception stand for. */
export const exceptionStores = new WeakMap();

/** What the class Exception's objects inherit from. */
export const exceptionPrototype = {};

/** What to throw for a new exception. */
export function raise(tag, values) {
  if (tag === JS_TAG) return values[0];
  const thrown = Object.create(exceptionPrototype);
  exceptionStores.set(thrown, new ExceptionStore(tag, values, thrown));
  return thrown;
}

/** What to throw for an exception that was caught. */
export function rethrow(exception) {
  if (exception === null) throw trap("null exception reference");
  return exception.thrown;
}

/** The exception that was thrown; a trap goes on. */
export function caught(thrown) {
  if (isTrap(thrown)) throw thrown;
  const isObject = (typeof thrown === "object" && thrown !== null) || typeof thrown === "function";
  return (isObject && exceptionStores.get(thrown)) || new ExceptionStore(JS_TAG, [thrown], thrown);
}
