// Instances: imports checked, stores made, segments copied, the start function called (sections
// "Instantiation" of the core specification and of the JavaScript API).
import { memoryInit, tableCopy, DROPPED_DATA, DROPPED_ELEMENTS } from "./bulk.js";
import { codeOf, Func } from "./calls.js";
import { evaluateConstant } from "./constant.js";
import { funcOf, setGlobal } from "./convert.js";
import { FUNC, GLOBAL, MEMORY, TABLE, TAG } from "./decode.js";
import { fault, LinkError } from "./errors.js";
import { hostCode } from "./exported.js";
import { GlobalStore, MemoryStore, TableStore, TagStore } from "./stores.js";
import { I64, isReference, matches, showFunctionType, typeName, V128 } from "./types.js";

/** An instance, as its code sees it: `E`. Its members are stores, by index. */
export class InstanceStore {
  /** `imports` are the stores that the module's imports are, in their order. */
  constructor(module, imports) {
    this.module = module;
    this.types = module.types;
    this.funcs = new Array(module.funcs.length).fill(undefined);
    this.tables = [];
    this.memories = [];
    this.globals = [];
    this.tags = [];
    this.elems = [];
    this.datas = [];
    const spaces = { [FUNC]: this.funcs, [TABLE]: this.tables, [MEMORY]: this.memories, [GLOBAL]: this.globals, [TAG]: this.tags };
    module.imports.forEach((entry, index) => {
      spaces[entry.kind][entry.index] = imports[index];
    });
    this.allocate();
    /** The way into the scope of the instance's code; what it takes and gives is the linker's matter. */
    this.scope = module.linker.enter(this);
    this.initialise();
  }

  allocate() {
    const { module } = this;
    const { imported } = module;
    for (const type of module.tags.slice(imported.tags)) this.tags.push(new TagStore(type));
    for (const { min, max } of module.memories.slice(imported.memories)) this.memories.push(new MemoryStore(min, max));
    for (const { type, mutable, init } of module.globals.slice(imported.globals)) {
      this.globals.push(new GlobalStore(type, mutable, ...evaluateConstant(this, init)));
    }
    for (const { type, min, max, init } of module.tables.slice(imported.tables)) {
      const [value] = init === null ? [null] : evaluateConstant(this, init);
      this.tables.push(new TableStore(type, min, max, value));
    }
    for (const { funcs, inits } of module.elems) {
      this.elems.push(funcs !== null ? funcs.map((index) => this.func(index)) : inits.map((init) => evaluateConstant(this, init)[0]));
    }
    for (const { start, end } of module.datas) this.datas.push(module.bytes.subarray(start, end));
  }

  /** Copies the active segments. */
  initialise() {
    const { module } = this;
    module.elems.forEach(({ mode, table, offset }, index) => {
      if (mode === "active") {
        const elements = this.elems[index];
        tableCopy(this.tables[table].elements, elements, evaluateConstant(this, offset)[0], 0, elements.length);
      }
      if (mode !== "passive") this.elems[index] = DROPPED_ELEMENTS;
    });
    module.datas.forEach(({ mode, memory, offset }, index) => {
      if (mode !== "active") return;
      const data = this.datas[index];
      memoryInit(this.memories[memory].bytes, data, evaluateConstant(this, offset)[0], 0, data.length);
      this.datas[index] = DROPPED_DATA;
    });
  }

  start() {
    if (this.module.start < 0) return;
    const code = codeOf(this.func(this.module.start));
    try {
      code();
    } catch (error) {
      throw fault(error);
    }
  }

  /** The function of an index, as a reference. */
  func(index) {
    let func = this.funcs[index];
    if (func === undefined) {
      func = new Func(this.module.funcs[index], undefined, () => this.link(index), String(index));
      this.funcs[index] = func;
    }
    return func;
  }

  /** The code of a function, translated now where it was not. */
  link(index) {
    const code = this.module.linker.link(this, index);
    if (this.funcs[index] !== undefined) this.funcs[index].code = code;
    return code;
  }
}

/** The stores of a module's imports, taken from an import object. */
export function readImports(module, importObject) {
  if (module.imports.length > 0 && !isObject(importObject)) {
    throw new TypeError("WebAssembly.Instance(): Imports argument must be present and must be an object");
  }
  return module.imports.map((entry) => {
    const namespace = importObject[entry.module];
    const where = `WebAssembly.Instance(): Import ${JSON.stringify(entry.module)}`;
    if (!isObject(namespace)) throw new TypeError(`${where}: module is not an object or function`);
    const fail = (message) => new LinkError(`${where} ${JSON.stringify(entry.name)}: ${message}`);
    return IMPORTERS[entry.kind](namespace[entry.name], module, entry.index, fail);
  });
}

export function isObject(value) {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

/** The stores that the objects of the API stand for; set by their classes. */
export const memoryStores = new WeakMap();
export const tableStores = new WeakMap();
export const globalStores = new WeakMap();
export const tagStores = new WeakMap();

function storeOf(stores, value, fail, what) {
  const store = isObject(value) ? stores.get(value) : undefined;
  if (store === undefined) throw fail(`${what} import must be a WebAssembly.${what[0].toUpperCase()}${what.slice(1)} object`);
  return store;
}

/** That a size and maximum fit into what an import declares. */
function checkLimits(size, max, { min, max: most }, fail) {
  if (size < min) throw fail(`incompatible import type: its size ${size} is below the minimum ${min}`);
  if (most !== undefined && (max === undefined || max > most)) {
    throw fail(`incompatible import type: its maximum ${max} is not within the maximum ${most}`);
  }
}

const IMPORTERS = {
  [FUNC]: (value, module, index, fail) => {
    const type = module.funcs[index];
    if (typeof value !== "function") throw fail("function import requires a callable");
    const func = funcOf(value);
    if (func === undefined) return new Func(type, hostCode(type, value), undefined, String(index));
    if (func.type !== type) {
      throw fail(`incompatible import type: ${showFunctionType(func.type)} is not ${showFunctionType(type)}`);
    }
    return func;
  },
  [TABLE]: (value, module, index, fail) => {
    const declared = module.tables[index];
    const table = storeOf(tableStores, value, fail, "table");
    if (table.type !== declared.type) throw fail(`incompatible import type: a table of ${typeName(table.type)}`);
    checkLimits(table.elements.length, table.max, declared, fail);
    return table;
  },
  [MEMORY]: (value, module, index, fail) => {
    const memory = storeOf(memoryStores, value, fail, "memory");
    checkLimits(memory.pages, memory.max, module.memories[index], fail);
    return memory;
  },
  [GLOBAL]: (value, module, index, fail) => {
    const { type, mutable } = module.globals[index];
    const global = isObject(value) ? globalStores.get(value) : undefined;
    if (global !== undefined) {
      const fits = global.mutable === mutable && (mutable ? global.type === type : matches(global.type, type));
      if (!fits) throw fail("incompatible import type: imported global does not match the expected type");
      return global;
    }
    if (mutable) throw fail("imported mutable global must be a WebAssembly.Global object");
    if (type === V128) throw fail("a v128 global must be a WebAssembly.Global object");
    if (type === I64 ? typeof value !== "bigint" : !isReference(type) && typeof value !== "number") {
      throw fail(`global import must be a ${type === I64 ? "BigInt" : "number"}, or a WebAssembly.Global object`);
    }
    const made = new GlobalStore(type, false, 0, 0);
    try {
      setGlobal(made, value);
    } catch (error) {
      throw fail(`global import: ${error.message}`);
    }
    return made;
  },
  [TAG]: (value, module, index, fail) => {
    const tag = storeOf(tagStores, value, fail, "tag");
    if (tag.type !== module.tags[index]) throw fail("incompatible import type: the tag's type does not match");
    return tag;
  },
};
