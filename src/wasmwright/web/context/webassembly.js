// The WebAssembly object of a JavaScript context inside Python: every object stands for one of the
// native engine's, which bridge.py knows by a number (its handle).
//
// `host(operation, ...arguments)` takes numbers, texts and buffers, and gives JSON: `{ "value": … }` or
// `{ "error": kind, "message": … }`. Values in JSON are themselves or `[tag, …]`: u undefined, n a number
// that JSON has not, b a BigInt, h a handle, p an object of Python, o and f an object or function of
// JavaScript, l a list, d a dictionary.
(function (host, global) {
  "use strict";
  const kept = new Map(); // what Python knows of JavaScript, by number
  const numbers = new Map(); // … and the other way round
  const objects = new Map(); // handle -> the object or function that stands for it
  const handles = new WeakMap(); // … and the other way round: { handle, kind }
  const pythons = new Map(); // number -> what stands for an object of Python
  const pythonNumbers = new WeakMap();
  const thrown = new WeakMap(); // errors that stand for an exception of Python -> its number

  const isObject = (value) => (typeof value === "object" && value !== null) || typeof value === "function";

  function keep(value) {
    let number = numbers.get(value);
    if (number === undefined) {
      number = kept.size + 1;
      kept.set(number, value);
      numbers.set(value, number);
    }
    return number;
  }

  /** A value for Python; with `deep`, arrays and plain objects are copied, not kept. */
  function encode(value, deep = 0) {
    switch (typeof value) {
      case "undefined":
        return ["u"];
      case "number":
        return Number.isFinite(value) && !Object.is(value, -0) ? value : ["n", Object.is(value, -0) ? "-0" : String(value)];
      case "bigint":
        return ["b", String(value)];
      case "symbol":
        return ["o", keep(value)];
      case "object":
      case "function": {
        if (value === null) return null;
        const known = handles.get(value);
        if (known !== undefined) return ["h", known.handle];
        const python = pythonNumbers.get(value);
        if (python !== undefined) return ["p", python];
        if (typeof value === "function") return ["f", keep(value)];
        if (deep > 0) {
          if (Array.isArray(value)) return ["l", value.map((each) => encode(each, deep - 1))];
          const prototype = Object.getPrototypeOf(value);
          if (prototype === Object.prototype || prototype === null) {
            return ["d", Object.keys(value).map((key) => [key, encode(value[key], deep - 1)])];
          }
        }
        return ["o", keep(value)];
      }
      default:
        return value;
    }
  }

  /** A value as a reference to it: a BigInt too is itself again when it comes back. */
  const encodeReference = (value) => (typeof value === "bigint" ? ["o", keep(value)] : encode(value));

  function decode(item) {
    if (!Array.isArray(item)) return item;
    const [tag, value, ...rest] = item;
    switch (tag) {
      case "u":
        return undefined;
      case "n":
        return Number(value);
      case "b":
        return BigInt(value);
      case "h":
        return objectOf(value, ...rest);
      case "p":
        return python(value, ...rest);
      case "l":
        return value.map(decode);
      case "d":
        return Object.fromEntries(value.map(([key, each]) => [key, decode(each)]));
      default:
        return kept.get(value);
    }
  }

  /** What an operation gives. Errors are thrown as the JavaScript API has them. */
  function ask(...given) {
    const answer = JSON.parse(host(...given));
    if (answer.error === undefined) return decode(answer.value);
    if (answer.error === "thrown") throw decode(answer.value);
    const constructor = { CompileError, LinkError, RuntimeError, RangeError, TypeError }[answer.error] || Error;
    const error = new constructor(answer.message);
    if (answer.python !== undefined) thrown.set(error, answer.python);
    throw error;
  }

  // Values of WebAssembly

  /** A value of JavaScript as one of a value type (ToWebAssemblyValue), for Python. */
  function toWasm(value, type) {
    switch (type) {
      case "i32":
        return Number(value) | 0;
      case "i64":
        return ["b", String(BigInt.asIntN(64, typeof value === "bigint" ? value : BigInt(typeof value === "number" ? badBigInt(value) : value)))];
      case "f32":
        return encode(Math.fround(Number(value)));
      case "f64":
        return encode(Number(value));
      case "v128":
        throw new TypeError("WebAssembly: v128 cannot cross to JavaScript");
      case "externref":
        return encodeReference(value);
      default:
        if (value === null) return null;
        if (/func/.test(type) && (typeof value !== "function" || !handles.has(value))) {
          throw new TypeError("WebAssembly: a function reference is null or an exported function");
        }
        return encodeReference(value);
    }
  }

  function badBigInt(value) {
    throw new TypeError(`Cannot convert ${value} to a BigInt`);
  }

  function enforce(value, what, most = 4294967295) {
    const number = typeof value === "bigint" ? NaN : Math.trunc(Number(value));
    if (!(number >= 0 && number <= most)) throw new TypeError(`${what} must be convertible to a valid number`);
    return number;
  }

  function register(object, handle, kind, more = {}) {
    objects.set(handle, object);
    handles.set(object, { handle, kind, ...more });
    return object;
  }

  /** The object for a handle that Python gives, always the same. */
  function objectOf(handle, kind, more) {
    const found = objects.get(handle);
    if (found !== undefined) return found;
    if (kind === "func") return functionOf(handle, more);
    const prototype = { memory: Memory, table: Table, global: Global, tag: Tag, module: Module, exception: Exception }[kind].prototype;
    return register(Object.create(prototype), handle, kind, more);
  }

  function functionOf(handle, { name, params, results }) {
    const exported = {
      f(...given) {
        const args = params.map((type, index) => toWasm(given[index], type));
        if (results.includes("v128")) throw new TypeError("WebAssembly: v128 cannot cross to JavaScript");
        const answer = ask("call", handle, JSON.stringify(args));
        return results.length === 0 ? undefined : results.length === 1 ? answer[0] : answer;
      },
    }.f;
    Object.defineProperty(exported, "name", { value: name, configurable: true });
    Object.defineProperty(exported, "length", { value: params.length, configurable: true });
    return register(exported, handle, "func");
  }

  function slot(object, kind, name) {
    const found = isObject(object) ? handles.get(object) : undefined;
    if (found === undefined || found.kind !== kind) throw new TypeError(`receiver is not a WebAssembly.${name}`);
    return found;
  }

  function descriptor(value, what) {
    if (!isObject(value)) throw new TypeError(`${what}: Argument 0 must be an object`);
    return value;
  }

  function limits({ initial, maximum }, what) {
    if (initial === undefined) throw new TypeError(`${what}: Property 'initial' is required`);
    const min = enforce(initial, `${what}: Property 'initial'`);
    const max = maximum === undefined ? null : enforce(maximum, `${what}: Property 'maximum'`);
    if (max !== null && max < min) throw new RangeError(`${what}: Property 'maximum' is below 'initial'`);
    return [min, max];
  }

  // The classes

  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}
  for (const [name, each] of Object.entries({ CompileError, LinkError, RuntimeError })) {
    Object.defineProperty(each.prototype, "name", { value: name, writable: true, configurable: true });
  }

  /** The buffer that has a BufferSource's bytes, and where: what the bridge reads from memory. */
  function bufferOf(source, what) {
    if (ArrayBuffer.isView(source)) return [source.buffer, source.byteOffset, source.byteLength];
    if (source instanceof ArrayBuffer) return [source, 0, source.byteLength];
    throw new TypeError(`${what}: Argument 0 must be a buffer source`);
  }

  class Module {
    constructor(bytes) {
      const { handle, ...more } = ask("module", ...bufferOf(bytes, "WebAssembly.Module()"));
      register(this, handle, "module", more);
    }

    static imports(module) {
      return slot(module, "module", "Module").imports.map(({ module: from, name, kind }) => ({ module: from, name, kind: shown(kind) }));
    }

    static exports(module) {
      return slot(module, "module", "Module").exports.map(({ name, kind }) => ({ name, kind: shown(kind) }));
    }

    static customSections(module, name) {
      const { handle } = slot(module, "module", "Module");
      return ask("custom", handle, String(name)).map((bytes) => new Uint8Array(bytes).buffer);
    }
  }
  const shown = (kind) => (kind === "func" ? "function" : kind);

  /** The imports of a module as Python takes them; each is looked up as the API says. */
  function readImports({ imports }, given) {
    if (imports.length > 0 && !isObject(given)) throw new TypeError("WebAssembly.Instance(): Argument 1 must be an object: the module has imports");
    return imports.map(({ module, name, kind, type }) => {
      const place = `WebAssembly.Instance(): Import "${module}" "${name}"`;
      const from = given[module];
      if (!isObject(from)) throw new TypeError(`${place}: module is not an object`);
      const value = from[name];
      if (kind === "func") {
        if (typeof value !== "function") throw new LinkError(`${place}: function import requires a callable`);
        return encode(value);
      }
      if (kind === "global" && !(isObject(value) && handles.has(value))) {
        const fits = type === "i64" ? typeof value === "bigint" : /^[if]/.test(type) ? typeof value === "number" : true;
        if (!fits || type === "v128") throw new LinkError(`${place}: global import must be a ${type === "i64" ? "BigInt" : "number"} or WebAssembly.Global`);
        return toWasm(value, type);
      }
      const known = isObject(value) ? handles.get(value) : undefined;
      if (known === undefined || known.kind !== kind) throw new LinkError(`${place}: ${kind} import must be a WebAssembly.${kind[0].toUpperCase()}${kind.slice(1)}`);
      return encode(value);
    });
  }

  const instanceExports = new WeakMap();

  function instantiate(object, module, given) {
    const known = slot(module, "module", "Module");
    const entries = ask("instance", known.handle, JSON.stringify(readImports(known, given)));
    const exports = Object.create(null);
    for (const [name, value] of entries) Object.defineProperty(exports, name, { value, enumerable: true });
    instanceExports.set(object, Object.freeze(exports));
    return object;
  }

  class Instance {
    constructor(module, imports) {
      instantiate(this, module, imports);
    }

    get exports() {
      const found = instanceExports.get(this);
      if (found === undefined) throw new TypeError("receiver is not a WebAssembly.Instance");
      return found;
    }
  }

  class Memory {
    constructor(given) {
      register(this, ask("memory", ...limits(descriptor(given, "WebAssembly.Memory()"), "WebAssembly.Memory()")), "memory");
    }

    grow(delta) {
      return ask("memory.grow", slot(this, "memory", "Memory").handle, enforce(delta, "WebAssembly.Memory.grow(): Argument 0"));
    }

    get buffer() {
      const memory = slot(this, "memory", "Memory");
      // The length is the engine's: code grows memories too.
      if (ask("memory.stale", memory.handle)) {
        memory.holder = { buffer: undefined };
        const buffer = host("memory.buffer", memory.handle, memory.holder);
        if (buffer !== "true") throw new RuntimeError(buffer);
      }
      return memory.holder.buffer;
    }
  }

  class Table {
    constructor(given, value) {
      const { element } = descriptor(given, "WebAssembly.Table()");
      if (!["anyfunc", "funcref", "externref"].includes(String(element))) throw new TypeError("WebAssembly.Table(): Descriptor property 'element' must be a WebAssembly reference type");
      const type = element === "externref" ? "externref" : "funcref";
      const initial = arguments.length < 2 || value === undefined ? (type === "externref" ? ["u"] : null) : toWasm(value, type);
      register(this, ask("table", type, ...limits(given, "WebAssembly.Table()"), JSON.stringify(initial)), "table", { type });
    }

    get length() {
      return ask("table.length", slot(this, "table", "Table").handle);
    }

    get(index) {
      return ask("table.get", slot(this, "table", "Table").handle, enforce(index, "WebAssembly.Table.get(): Argument 0"));
    }

    set(index, value) {
      const { handle, type } = slot(this, "table", "Table");
      const element = arguments.length < 2 ? (type === "externref" ? ["u"] : null) : toWasm(value, type);
      ask("table.set", handle, enforce(index, "WebAssembly.Table.set(): Argument 0"), JSON.stringify(element));
    }

    grow(delta, value) {
      const { handle, type } = slot(this, "table", "Table");
      const element = arguments.length < 2 || value === undefined ? (type === "externref" ? ["u"] : null) : toWasm(value, type);
      return ask("table.grow", handle, enforce(delta, "WebAssembly.Table.grow(): Argument 0"), JSON.stringify(element));
    }
  }

  class Global {
    constructor(given, value) {
      const { value: kind, mutable } = descriptor(given, "WebAssembly.Global()");
      const type = kind === "anyfunc" ? "funcref" : String(kind);
      if (!["i32", "i64", "f32", "f64", "externref", "funcref"].includes(type)) throw new TypeError(`WebAssembly.Global(): '${type}' is not a WebAssembly value type that JavaScript has`);
      const initial = value === undefined ? { i64: 0n, funcref: null, externref: undefined }[type] ?? (type === "externref" ? undefined : type === "funcref" ? null : 0) : value;
      register(this, ask("global", type, JSON.stringify(toWasm(initial, type)), Boolean(mutable)), "global", { type, mutable: Boolean(mutable) });
    }

    get value() {
      return ask("global.get", slot(this, "global", "Global").handle);
    }

    set value(value) {
      const { handle, type, mutable } = slot(this, "global", "Global");
      if (!mutable) throw new TypeError("WebAssembly.Global: the global is immutable");
      ask("global.set", handle, JSON.stringify(toWasm(value, type)));
    }

    valueOf() {
      return this.value;
    }
  }

  class Tag {
    constructor(given) {
      const { parameters } = descriptor(given, "WebAssembly.Tag()");
      const types = [...parameters].map((each) => (each === "anyfunc" ? "funcref" : String(each)));
      register(this, ask("tag", JSON.stringify(types)), "tag", { types });
    }
  }

  class Exception extends Error {
    constructor(tag, payload) {
      super("wasm exception");
      const { handle, types } = slot(tag, "tag", "Tag");
      const values = [...payload];
      if (values.length !== types.length) throw new TypeError("WebAssembly.Exception(): the payload does not fit the tag");
      register(this, ask("exception", handle, JSON.stringify(types.map((type, index) => toWasm(values[index], type)))), "exception");
    }

    is(tag) {
      return ask("exception.is", slot(this, "exception", "Exception").handle, slot(tag, "tag", "Tag").handle);
    }

    getArg(tag, index) {
      if (!this.is(tag)) throw new TypeError("WebAssembly.Exception.getArg(): the exception has another tag");
      return ask("exception.arg", slot(this, "exception", "Exception").handle, enforce(index, "WebAssembly.Exception.getArg(): Argument 1"));
    }
  }

  /** Does something that may throw as a promise. */
  const later = (work) => new Promise((done) => done(work()));

  const WebAssembly = {
    validate: (bytes) => ask("validate", ...bufferOf(bytes, "WebAssembly.validate()")),
    compile: (bytes) => later(() => new Module(bytes)),
    instantiate: (source, imports) =>
      later(() => {
        if (isObject(source) && handles.has(source)) return new Instance(source, imports);
        const module = new Module(source);
        return { module, instance: new Instance(module, imports) };
      }),
  };
  for (const [name, value] of Object.entries({ Module, Instance, Memory, Table, Global, Tag, Exception, CompileError, LinkError, RuntimeError })) {
    Object.defineProperty(WebAssembly, name, { value, writable: true, configurable: true });
    if (!name.endsWith("Error")) Object.defineProperty(value.prototype, Symbol.toStringTag, { value: `WebAssembly.${name}`, configurable: true });
  }
  Object.defineProperty(WebAssembly, Symbol.toStringTag, { value: "WebAssembly", configurable: true });
  Object.defineProperty(global, "WebAssembly", { value: WebAssembly, writable: true, configurable: true });

  // Python and JavaScript

  const DEEP = 64; // levels of arrays and objects that are copied

  /** What stands for an object of Python: a function where it can be called. */
  function python(number, callable) {
    let found = pythons.get(number);
    if (found === undefined) {
      found = callable ? (...given) => ask("python", number, JSON.stringify(given.map((each) => encode(each, DEEP)))) : Object.freeze(Object.create(null));
      pythons.set(number, found);
      pythonNumbers.set(found, number);
    }
    return found;
  }

  /** An outcome for Python, in JSON: what `work` gives or throws. */
  function outcome(work) {
    try {
      return JSON.stringify({ value: work() });
    } catch (error) {
      const python = isObject(error) ? thrown.get(error) : undefined;
      const isError = error instanceof Error;
      return JSON.stringify({
        thrown: encode(error),
        python,
        name: isError ? String(error.name) : typeof error,
        message: isError ? String(error.message) : String(error),
        stack: isError && error.stack ? String(error.stack) : "",
      });
    }
  }

  const settled = new Map(); // promises that Python waits for -> their outcome

  return {
    evaluate: (source) => outcome(() => encode((0, eval)(source), DEEP)),
    set: (name, value) => outcome(() => void (global[name] = decode(JSON.parse(value)))),
    call: (number, args) => outcome(() => encode(kept.get(number)(...JSON.parse(args).map(decode)), DEEP)),
    /** A function of JavaScript called by WebAssembly: its results have these types. */
    imported: (number, args, types) =>
      outcome(() => {
        const result = kept.get(number)(...JSON.parse(args).map(decode));
        const wanted = JSON.parse(types);
        if (wanted.length === 0) return [];
        const values = wanted.length === 1 ? [result] : [...result];
        if (values.length !== wanted.length) throw new TypeError(`WebAssembly: the function must return ${wanted.length} values`);
        return wanted.map((type, index) => toWasm(values[index], type));
      }),
    isPromise: (number) => kept.get(number) instanceof Promise,
    watch: (number) => {
      const promise = kept.get(number);
      promise.then(
        (value) => settled.set(number, outcome(() => encode(value, DEEP))),
        (error) => settled.set(number, outcome(() => { throw error; })),
      );
    },
    settled: (number) => settled.get(number) ?? "",
    text: (number) => {
      const value = kept.get(number);
      return typeof value === "symbol" ? String(value) : Object.prototype.toString.call(value);
    },
  };
})
