// The classes Memory, Table, Global, Tag and Exception of the JavaScript API.
import { defaultValue, fromValue, isUncrossable, setGlobal, toReference, toValue } from "./convert.js";
import { exceptionPrototype, ExceptionStore, exceptionStores, JS_TAG } from "./exceptions.js";
import { exportedFunction } from "./exported.js";
import { globalStores, memoryStores, tableStores, tagStores } from "./instance.js";
import { high } from "./int64.js";
import { defineInterface, dictionary, enforceRange, requireArguments, slotOf } from "./interface.js";
import { MAX_PAGES } from "./limits.js";
import { GlobalStore, MemoryStore, TableStore, TagStore } from "./stores.js";
import { SIMD } from "./opcodes-simd.js";
import { EXTERNREF, F32, F64, functionType, FUNCREF, I32, I64, isFunctionReference, isNullable, V128, wordsOf } from "./types.js";

/** The object that stands for a store: always the same. */
function objectOf(store, stores, prototype) {
  if (store.object === null) {
    store.object = Object.create(prototype);
    stores.set(store.object, store);
  }
  return store.object;
}
export const memoryObject = (store) => objectOf(store, memoryStores, Memory.prototype);
export const tableObject = (store) => objectOf(store, tableStores, Table.prototype);
export const globalObject = (store) => objectOf(store, globalStores, Global.prototype);
export const tagObject = (store) => objectOf(store, tagStores, Tag.prototype);

/** Makes a new object stand for a new store. */
function bind(object, stores, store) {
  store.object = object;
  stores.set(object, store);
}

/** A descriptor's limits, in the order in which Web IDL reads them. */
function readLimits(descriptor, what, most) {
  const { address } = descriptor;
  if (address !== undefined && String(address) !== "i32") {
    throw new TypeError(`${what}: Property 'address' must be "i32": this implementation has no 64-bit addresses`);
  }
  const { initial } = descriptor;
  if (initial === undefined) throw new TypeError(`${what}: Property 'initial' is required`);
  const min = enforceRange(initial, `${what}: Property 'initial'`);
  const { maximum } = descriptor;
  const max = maximum === undefined ? undefined : enforceRange(maximum, `${what}: Property 'maximum'`);
  if (max < min) throw new RangeError(`${what}: Property 'maximum' is below 'initial'`);
  if (min > most) throw new RangeError(`${what}: Property 'initial' is above the upper bound`);
  return { min, max };
}

export const Memory = defineInterface(
  class Memory {
    constructor(descriptor) {
      const what = "WebAssembly.Memory()";
      const { min, max } = readLimits(dictionary(descriptor, `${what}: Argument 0`), what, MAX_PAGES);
      if (max > MAX_PAGES) throw new RangeError(`${what}: Property 'maximum' is above the upper bound`);
      bind(this, memoryStores, new MemoryStore(min, max));
    }

    grow(delta) {
      const memory = slotOf(memoryStores, this, "Memory");
      requireArguments(arguments.length, 1, "WebAssembly.Memory.grow()");
      const before = memory.grow(enforceRange(delta, "WebAssembly.Memory.grow(): Argument 0"));
      if (before < 0) throw new RangeError("WebAssembly.Memory.grow(): Maximum memory size exceeded");
      return before;
    }

    get buffer() {
      return slotOf(memoryStores, this, "Memory").buffer;
    }
  },
  "Memory",
);

const TABLE_KINDS = { externref: EXTERNREF, anyfunc: FUNCREF, funcref: FUNCREF };

/** What a missing value is for an element of a table. */
function defaultElement(type) {
  if (!isNullable(type)) throw new TypeError("WebAssembly.Table: the element type has no default value");
  return isFunctionReference(type) ? null : undefined;
}

function elementIndex(value, what) {
  return enforceRange(value, `${what}: Argument 0`);
}

export const Table = defineInterface(
  class Table {
    constructor(descriptor, value) {
      const what = "WebAssembly.Table()";
      const given = dictionary(descriptor, `${what}: Argument 0`);
      const element = String(given.element);
      if (!(element in TABLE_KINDS)) throw new TypeError(`${what}: Descriptor property 'element' must be a WebAssembly reference type`);
      const { min, max } = readLimits(given, what, 4294967295);
      const type = TABLE_KINDS[element];
      const initial = value === undefined ? defaultElement(type) : toReference(value, type);
      bind(this, tableStores, new TableStore(type, min, max, initial));
    }

    get length() {
      return slotOf(tableStores, this, "Table").elements.length;
    }

    grow(delta, value) {
      const table = slotOf(tableStores, this, "Table");
      requireArguments(arguments.length, 1, "WebAssembly.Table.grow()");
      const count = enforceRange(delta, "WebAssembly.Table.grow(): Argument 0");
      const initial = arguments.length < 2 || value === undefined ? defaultElement(table.type) : toReference(value, table.type);
      const before = table.grow(count, initial);
      if (before < 0) throw new RangeError("WebAssembly.Table.grow(): failed to grow table");
      return before;
    }

    set(index, value) {
      const table = slotOf(tableStores, this, "Table");
      requireArguments(arguments.length, 1, "WebAssembly.Table.set()");
      const at = elementIndex(index, "WebAssembly.Table.set()");
      const element = arguments.length < 2 ? defaultElement(table.type) : toReference(value, table.type);
      if (at >= table.elements.length) throw new RangeError("WebAssembly.Table.set(): invalid address in table");
      table.elements[at] = element;
    }

    get(index) {
      const table = slotOf(tableStores, this, "Table");
      requireArguments(arguments.length, 1, "WebAssembly.Table.get()");
      const at = elementIndex(index, "WebAssembly.Table.get()");
      if (at >= table.elements.length) throw new RangeError("WebAssembly.Table.get(): invalid address in table");
      return fromValue(table.elements[at], 0, table.type, exportedFunction);
    }
  },
  "Table",
);
// Web IDL: the second argument is optional.
Object.defineProperty(Table, "length", { value: 1, configurable: true });
Object.defineProperty(Table.prototype.grow, "length", { value: 1, configurable: true });
Object.defineProperty(Table.prototype.set, "length", { value: 1, configurable: true });

const VALUE_KINDS = { i32: I32, i64: I64, f32: F32, f64: F64, v128: V128, externref: EXTERNREF, anyfunc: FUNCREF, funcref: FUNCREF };
if (!SIMD) delete VALUE_KINDS.v128;

function valueKind(value, what) {
  const kind = String(value);
  if (!Object.prototype.hasOwnProperty.call(VALUE_KINDS, kind)) {
    throw new TypeError(`${what}: '${kind}' is not a WebAssembly value type`);
  }
  return VALUE_KINDS[kind];
}

function crossable(global) {
  if (isUncrossable(global.type)) throw new TypeError("WebAssembly.Global: the value cannot be seen by JavaScript");
  return global;
}

export const Global = defineInterface(
  class Global {
    constructor(descriptor, value) {
      const what = "WebAssembly.Global()";
      const given = dictionary(descriptor, `${what}: Argument 0`);
      const mutable = Boolean(given.mutable);
      const kind = given.value;
      if (kind === undefined) throw new TypeError(`${what}: Descriptor property 'value' is required`);
      const type = valueKind(kind, `${what}: Descriptor property 'value'`);
      const global = new GlobalStore(type, mutable, 0, 0);
      if (type === V128) throw new TypeError(`${what}: a v128 cannot be made by JavaScript`);
      const isDefault = value === undefined && !(type === EXTERNREF && arguments.length > 1);
      setGlobal(global, isDefault ? defaultValue(type) : value);
      bind(this, globalStores, global);
    }

    valueOf() {
      const global = crossable(slotOf(globalStores, this, "Global"));
      return fromValue(global.value, global.high, global.type, exportedFunction);
    }

    get value() {
      const global = crossable(slotOf(globalStores, this, "Global"));
      return fromValue(global.value, global.high, global.type, exportedFunction);
    }

    set value(value) {
      const global = crossable(slotOf(globalStores, this, "Global"));
      if (!global.mutable) throw new TypeError("set WebAssembly.Global.value: Can't set the value of an immutable global");
      setGlobal(global, value);
    }
  },
  "Global",
);
Object.defineProperty(Global, "length", { value: 1, configurable: true });

export const Tag = defineInterface(
  class Tag {
    constructor(descriptor) {
      const what = "WebAssembly.Tag()";
      const { parameters } = dictionary(descriptor, `${what}: Argument 0`);
      if (parameters === undefined) throw new TypeError(`${what}: Descriptor property 'parameters' is required`);
      const params = Array.from(dictionary(parameters, `${what}: Descriptor property 'parameters'`), (each) => valueKind(each, what));
      bind(this, tagStores, new TagStore(functionType(params, [])));
    }
  },
  "Tag",
);

function payloadIndex(exception, tag, index) {
  if (exception.tag !== tag) throw new TypeError("WebAssembly.Exception.getArg(): First argument does not match the exception tag");
  const at = enforceRange(index, "WebAssembly.Exception.getArg(): Index");
  if (at >= tag.type.params.length) throw new RangeError("WebAssembly.Exception.getArg(): Index must be convertible to a valid number");
  return at;
}

export const Exception = defineInterface(
  class Exception {
    constructor(tagObjectGiven, payload, options) {
      const what = "WebAssembly.Exception()";
      requireArguments(arguments.length, 2, what);
      const tag = tagStores.get(tagObjectGiven);
      if (tag === undefined) throw new TypeError(`${what}: Argument 0 must be a WebAssembly.Tag`);
      if (tag === JS_TAG) throw new TypeError(`${what}: Argument 0 must not be WebAssembly.JSTag`);
      const given = Array.from(dictionary(payload, `${what}: Argument 1`));
      const { params } = tag.type;
      if (given.length !== params.length) throw new TypeError(`${what}: Number of exception values does not match signature length`);
      if (options !== undefined && options !== null) dictionary(options, `${what}: Argument 2`);
      const values = [];
      params.forEach((type, index) => {
        if (isUncrossable(type)) throw new TypeError(`${what}: the tag has a type that JavaScript cannot make`);
        values.push(toValue(given[index], type));
        if (type === I64) values.push(high);
      });
      exceptionStores.set(this, new ExceptionStore(tag, values, this));
      if (options && options.traceStack && Error.captureStackTrace) Error.captureStackTrace(this, new.target);
    }

    is(tagGiven) {
      const exception = slotOf(exceptionStores, this, "Exception");
      requireArguments(arguments.length, 1, "WebAssembly.Exception.is()");
      const tag = tagStores.get(tagGiven);
      if (tag === undefined) throw new TypeError("WebAssembly.Exception.is(): Argument 0 must be a WebAssembly.Tag");
      return exception.tag === tag;
    }

    getArg(tagGiven, index) {
      const exception = slotOf(exceptionStores, this, "Exception");
      requireArguments(arguments.length, 2, "WebAssembly.Exception.getArg()");
      const tag = tagStores.get(tagGiven);
      if (tag === undefined) throw new TypeError("WebAssembly.Exception.getArg(): Argument 0 must be a WebAssembly.Tag");
      const at = payloadIndex(exception, tag, index);
      const { params } = tag.type;
      // Some values have several places.
      const place = params.slice(0, at).reduce((sum, type) => sum + wordsOf(type), 0);
      return fromValue(exception.values[place], exception.values[place + 1], params[at], exportedFunction);
    }
  },
  "Exception",
);
Object.defineProperty(Exception, "length", { value: 2, configurable: true });
// What code throws is made before this class is: its objects inherit from the same prototype.
Object.setPrototypeOf(exceptionPrototype, Exception.prototype);
