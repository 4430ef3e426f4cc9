// The classes Module and Instance of the JavaScript API.
import { compileBytes } from "./compile.js";
import { KIND_NAMES } from "./decode.js";
import { CompileError } from "./errors.js";
import { exportedShapes, hostShapes } from "./exported.js";
import { instantiateModule } from "./instantiate.js";
import { isObject, readImports } from "./instance.js";
import { bytesOf, defineInterface, requireArguments, slotOf } from "./interface.js";

const modules = new WeakMap();
const instanceExports = new WeakMap();

/** A compile error with the name of the API's function in front. */
function named(error, what) {
  return error instanceof CompileError ? new CompileError(`${what}: ${error.message}`) : error;
}

/** The object for a module. */
export function moduleObject(bytes, what) {
  let module;
  try {
    module = compileBytes(bytes);
  } catch (error) {
    throw named(error, what);
  }
  const object = Object.create(Module.prototype);
  modules.set(object, module);
  return object;
}

export function isModule(value) {
  return isObject(value) && modules.has(value);
}

/** The module that an argument is. */
function moduleOf(value, what) {
  if (!isModule(value)) throw new TypeError(`${what}: Argument 0 must be a WebAssembly.Module`);
  return modules.get(value);
}

export const Module = defineInterface(
  class Module {
    constructor(bytes) {
      const what = "WebAssembly.Module()";
      requireArguments(arguments.length, 1, what);
      try {
        modules.set(this, compileBytes(bytesOf(bytes, what)));
      } catch (error) {
        throw named(error, what);
      }
    }

    static exports(moduleObject) {
      requireArguments(arguments.length, 1, "WebAssembly.Module.exports()");
      const module = moduleOf(moduleObject, "WebAssembly.Module.exports()");
      return module.exports.map(({ name, kind }) => ({ name, kind: KIND_NAMES[kind] }));
    }

    static imports(moduleObject) {
      requireArguments(arguments.length, 1, "WebAssembly.Module.imports()");
      const module = moduleOf(moduleObject, "WebAssembly.Module.imports()");
      return module.imports.map(({ module: from, name, kind }) => ({ module: from, name, kind: KIND_NAMES[kind] }));
    }

    static customSections(moduleObject, sectionName) {
      const what = "WebAssembly.Module.customSections()";
      requireArguments(arguments.length, 2, what);
      const module = moduleOf(moduleObject, what);
      const wanted = String(sectionName);
      return module.customs
        .filter(({ name }) => name === wanted)
        .map(({ start, end }) => module.bytes.slice(start, end).buffer);
    }
  },
  "Module",
);

/** Has a module use code that was translated ahead of time, instead of translating it. */
export function useCode(moduleGiven, { scope, exported, host }) {
  Object.assign(exportedShapes, exported);
  Object.assign(hostShapes, host);
  modules.get(moduleGiven).linker = { enter: scope, link: (instance, index) => instance.scope(index) };
}

/** The stores that a module object's imports are. */
export function importsOf(moduleGiven, importObject) {
  return readImports(modules.get(moduleGiven), importObject);
}

/** The object for a new instance of a module object with these stores. */
export function instanceOf(moduleGiven, imports, object = Object.create(Instance.prototype)) {
  instanceExports.set(object, instantiateModule(modules.get(moduleGiven), imports));
  return object;
}

/** The object for a new instance of a module object. */
export function instanceObject(moduleGiven, importObject) {
  return instanceOf(moduleGiven, importsOf(moduleGiven, importObject));
}

export function checkImportObject(importObject, what) {
  if (importObject !== undefined && !isObject(importObject)) {
    throw new TypeError(`${what}: Argument 1 must be an object`);
  }
}

export const Instance = defineInterface(
  class Instance {
    constructor(module, importObject) {
      const what = "WebAssembly.Instance()";
      moduleOf(module, what);
      checkImportObject(importObject, what);
      instanceOf(module, importsOf(module, importObject), this);
    }

    get exports() {
      return slotOf(instanceExports, this, "Instance");
    }
  },
  "Instance",
);
Object.defineProperty(Instance, "length", { value: 1, configurable: true });
