// From a module and its imports to an exports object (section "Instances" of the JavaScript API).
import { globalObject, memoryObject, tableObject, tagObject } from "./api-objects.js";
import { FUNC, GLOBAL, MEMORY, TABLE, TAG } from "./decode.js";
import { exportedFunction } from "./exported.js";
import { InstanceStore } from "./instance.js";

const EXPORTERS = {
  [FUNC]: (instance, index) => exportedFunction(instance.func(index)),
  [TABLE]: (instance, index) => tableObject(instance.tables[index]),
  [MEMORY]: (instance, index) => memoryObject(instance.memories[index]),
  [GLOBAL]: (instance, index) => globalObject(instance.globals[index]),
  [TAG]: (instance, index) => tagObject(instance.tags[index]),
};

/** Instantiates a module; the exports object. */
export function instantiateModule(module, imports) {
  const instance = new InstanceStore(module, imports);
  const exports = Object.create(null);
  for (const { name, kind, index } of module.exports) {
    Object.defineProperty(exports, name, { value: EXPORTERS[kind](instance, index), enumerable: true });
  }
  Object.preventExtensions(exports);
  instance.start();
  return exports;
}
