// Runs scripts of the official suite on the WebAssembly object that is there, in any engine.
//
// Scripts are as spec_scripts.py writes them. A script for pages and for node: it defines `runScript`.
"use strict";
const view = new DataView(new ArrayBuffer(8));

// Whether the bits of NaNs are compared.
const compare = { payloads: false };

class Unsupported extends Error {}
class Failure extends Error {}

const hosts = new Map();
function host(number) {
  if (!hosts.has(number)) hosts.set(number, { number });
  return hosts.get(number);
}

function argument(value) {
  switch (value.type) {
    case "i32":
      return Number(value.bits) | 0;
    case "i64":
      return BigInt.asIntN(64, BigInt(value.bits));
    case "f32":
      view.setUint32(0, Number(value.bits));
      return view.getFloat32(0);
    case "f64":
      view.setBigUint64(0, BigInt(value.bits));
      return view.getFloat64(0);
    case "v128":
      return [0, 4, 8, 12].map((at) => value.lanes.slice(at, at + 4).reduce((word, lane, index) => word | (Number(lane.bits) << (8 * index)), 0));
    case "null":
      return null;
    case "extern":
    case "host":
      return host(value.number);
    default:
      throw new Unsupported(`an argument of type ${value.type}`);
  }
}

/** Whether the lane of a vector (a view of it) that begins at a byte is what a pattern says. */
function laneMatches(vector, at, lane) {
  const bytes = { i8: 1, i16: 2, i32: 4, f32: 4, i64: 8, f64: 8 }[lane.type];
  let bits = 0n;
  for (let index = bytes - 1; index >= 0; index--) bits = (bits << 8n) | BigInt(vector.getUint8(at + index));
  if (lane.nan === undefined) return bits === BigInt.asUintN(8 * bytes, BigInt(lane.bits));
  const [quiet, magnitude] = bytes === 4 ? [0x7fc00000n, 0x7fffffffn] : [0x7ff8000000000000n, 0x7fffffffffffffffn];
  return lane.nan === "canonical" ? (bits & magnitude) === quiet : (bits & quiet) === quiet;
}

function matches(value, pattern) {
  switch (pattern.type) {
    case "i32":
      return value === (Number(pattern.bits) | 0);
    case "i64":
      return value === BigInt.asIntN(64, BigInt(pattern.bits));
    case "f32":
      if (typeof value !== "number") return false;
      if (pattern.nan) return value !== value;
      view.setUint32(0, Number(pattern.bits));
      if (Number.isNaN(view.getFloat32(0)) && !compare.payloads) return value !== value;
      view.setFloat32(0, value);
      return view.getUint32(0) === Number(pattern.bits);
    case "f64":
      if (typeof value !== "number") return false;
      if (pattern.nan) return value !== value;
      view.setBigUint64(0, BigInt(pattern.bits));
      if (Number.isNaN(view.getFloat64(0)) && !compare.payloads) return value !== value;
      view.setFloat64(0, value);
      return view.getBigUint64(0) === BigInt(pattern.bits);
    case "v128": {
      const size = 16 / pattern.lanes.length;
      return pattern.lanes.every((lane, index) => laneMatches(value, index * size, lane));
    }
    case "null":
      return value === null;
    case "extern":
    case "host":
      return value === host(pattern.number);
    case "ref":
      return value !== null && (pattern.heap !== "func" || typeof value === "function");
    case "either":
      return pattern.patterns.some((each) => matches(value, each));
    default:
      throw new Unsupported(`a result of type ${pattern.type}`);
  }
}

function compile(source) {
  if (source.binary === null) throw new Failure("the text was not assembled");
  try {
    return new WebAssembly.Module(Uint8Array.from(atob(source.binary), (char) => char.charCodeAt(0)));
  } catch (error) {
    if (/unsupported feature/.test(error.message)) throw new Unsupported(error.message);
    throw error;
  }
}

class Runner {
  constructor() {
    this.modules = new Map();
    this.instances = new Map();
    const print = () => {};
    this.registry = {
      spectest: {
        print, print_i32: print, print_i64: print, print_f32: print, print_f64: print,
        print_i32_f32: print, print_f64_f64: print,
        global_i32: 666, global_i64: 666n, global_f32: 666.6, global_f64: 666.6,
        table: new WebAssembly.Table({ initial: 10, maximum: 20, element: "anyfunc" }),
        memory: new WebAssembly.Memory({ initial: 1, maximum: 2 }),
      },
    };
    this.typedPrints();
  }

  /** The functions of spectest, with their types: as exports of a module. */
  typedPrints() {
    const types = { print: "", print_i32: "\x7f", print_i64: "\x7e", print_f32: "\x7d", print_f64: "\x7c", print_i32_f32: "\x7f\x7d", print_f64_f64: "\x7c\x7c" };
    for (const name of Object.keys(types)) {
      const params = [...types[name]].map((char) => char.charCodeAt(0));
      const section = (id, content) => [id, content.length, ...content];
      const bytes = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
        ...section(1, [1, 0x60, params.length, ...params, 0]), ...section(3, [1, 0]),
        ...section(7, [1, 0, 0, 0]), ...section(10, [1, 2, 0, 0x0b])];
      this.registry.spectest[name] = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes))).exports[""];
    }
  }

  get(map, id, what) {
    const found = map.get(id || "");
    if (found === undefined) throw new Failure(`there is no ${what} ${id || ""}`);
    if (found instanceof Unsupported) throw found;
    return found;
  }

  bind(map, id, value) {
    map.set("", value);
    if (id) map.set(id, value);
  }

  instantiate(module) {
    for (const entry of WebAssembly.Module.imports(module)) {
      const exports = this.registry[entry.module];
      if (exports instanceof Unsupported) throw exports;
      if (entry.module === "spectest" && /table64|shared/.test(entry.name)) throw new Unsupported(entry.name);
    }
    return new WebAssembly.Instance(module, new Proxy(this.registry, {
      get: (registry, name) => registry[name] || {},
    }));
  }

  /** Calls a function that has vectors; the results by their types. */
  actOnVectors(exported, wrapper, given, results) {
    const module = compile({ binary: wrapper });
    const { run, memory } = new WebAssembly.Instance(module, { "": { f: exported } }).exports;
    run(...given.flatMap(argument));
    return results.map((result, index) => {
      const place = new DataView(memory.buffer, 16 * index, 16);
      const { type } = result.type === "either" ? result.patterns[0] : result;
      const get = { i32: "getInt32", i64: "getBigInt64", f32: "getFloat32", f64: "getFloat64" }[type];
      return get === undefined ? place : place[get](0, true);
    });
  }

  act({ instance, name, arguments: given, wrapper }, results = []) {
    const { exports } = this.get(this.instances, instance, "instance");
    const exported = exports[name];
    if (given === null) return [exported.value];
    if (typeof exported !== "function") throw new Failure(`there is no function ${name}`);
    if (wrapper) return this.actOnVectors(exported, wrapper, given, results);
    const result = exported(...given.map(argument));
    return Array.isArray(result) ? result : result === undefined ? [] : [result];
  }

  /** Calls a function that may have vectors for results. */
  actAnyhow({ action, wrappers = [] }) {
    try {
      return this.act(action);
    } catch (error) {
      if (!(error instanceof TypeError) || action.arguments === null) throw error;
    }
    for (const wrapper of wrappers) {
      try {
        return this.act({ ...action, wrapper });
      } catch (error) {
        if (!(error instanceof WebAssembly.LinkError)) throw error;
      }
    }
    throw new Failure(`no wrapper fits ${action.name}`);
  }

  /** Defines a module, and an instance where it is one. */
  define({ module, instantiate }) {
    const { id } = module;
    try {
      const compiled = compile(module);
      this.bind(this.modules, id, compiled);
      if (instantiate) this.bind(this.instances, id, this.instantiate(compiled));
    } catch (error) {
      this.modules.delete("");
      const marker = error instanceof Unsupported ? error : undefined;
      this.bind(this.modules, id, marker);
      if (instantiate) this.bind(this.instances, id, marker);
      throw error;
    }
  }

  attempt(command) {
    if (command.module === undefined) return this.instantiate(this.get(this.modules, command.of, "module"));
    const module = compile(command.module);
    return /unlinkable|trap/.test(command.kind) ? this.instantiate(module) : module;
  }

  /** That something throws an error of a class, with a message that says this. */
  expect(kind, message, work) {
    const classes = {
      assert_malformed: WebAssembly.CompileError,
      assert_invalid: WebAssembly.CompileError,
      assert_unlinkable: WebAssembly.LinkError,
      assert_trap: WebAssembly.RuntimeError,
      // SpiderMonkey has an error of its own for it.
      assert_exhaustion: typeof InternalError === "function" ? InternalError : RangeError,
      assert_exception: WebAssembly.Exception,
    };
    let outcome;
    try {
      outcome = `got ${String(work())}`;
    } catch (error) {
      if (error instanceof Unsupported || error instanceof Failure) throw error;
      if (error instanceof classes[kind]) {
        if (kind === "assert_trap" && !error.message.startsWith(message)) {
          throw new Failure(`expected "${message}", got ${error}`);
        }
        return;
      }
      outcome = `threw ${error && error.stack}`;
    }
    throw new Failure(`expected ${kind} "${message}", ${outcome}`);
  }

  run(command) {
    switch (command.kind) {
      case "module":
        return this.define(command);
      case "instance":
        return this.bind(this.instances, command.id, this.instantiate(this.get(this.modules, command.of, "module")));
      case "register": {
        this.registry[command.name] = {};
        let instance;
        try {
          instance = this.get(this.instances, command.instance, "instance");
        } catch (error) {
          this.registry[command.name] = error;
          throw error;
        }
        this.registry[command.name] = instance.exports;
        return undefined;
      }
      case "action":
        return this.act(command.action);
      case "assert_return": {
        const results = this.act(command.action, command.results);
        const fits = results.length === command.results.length && results.every((result, index) => matches(result, command.results[index]));
        if (!fits) throw new Failure(`${command.action.name}: got ${results.map(String)}, expected ${JSON.stringify(command.results)}`);
        return undefined;
      }
      case "assert_malformed_custom":
      case "assert_invalid_custom":
        throw new Unsupported("custom sections are not checked");
      default:
        if (command.module && command.module.binary === null) throw new Unsupported("a text that is malformed");
        return this.expect(command.kind, command.message, () => (command.action ? this.actAnyhow(command) : this.attempt(command)));
    }
  }
}

/** How a script went: counts of commands that passed, failed and need a feature, and the failures. */
function runScript(commands, { payloads = false } = {}) {
  compare.payloads = payloads;
  const runner = new Runner();
  const counts = { passed: 0, failed: 0, unsupported: 0, failures: [] };
  for (const command of commands) {
    try {
      runner.run(command);
      counts.passed++;
    } catch (error) {
      if (error instanceof Unsupported) counts.unsupported++;
      else {
        counts.failed++;
        counts.failures.push(`${command.line}: ${command.kind}: ${error instanceof Failure ? error.message : error && error.stack}`);
      }
    }
  }
  return counts;
}

if (typeof module === "object") module.exports = { runScript };
