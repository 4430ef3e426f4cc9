// A module translated ahead of time: the source of all its functions and of the border functions that
// their types need, for a file that needs no `eval`.
import { compileBytes } from "./compile.js";
import { withoutCode } from "./decode.js";
import { shapeOf } from "./exported.js";
import { scopeSource } from "./scope.js";
import { exportedSource, hostSource } from "./shapes.js";
import { translateFunction } from "./translate.js";

/**
 * Translates a module. Gives `{ bytes, scope, exported, host }`: the module's bytes without its code,
 * the source of its scope, and the sources of border functions by shape. Throws CompileError.
 */
export function aheadOfTime(bytes) {
  const module = compileBytes(bytes);
  const functions = module.codes.map((_, index) => translateFunction(module, index + module.imported.funcs, () => true, false));
  const shapes = [...new Set([...module.types, ...module.tags].map(shapeOf))];
  const sources = (source) => shapes.map((shape) => [shape, source(shape)]);
  return {
    bytes: withoutCode(bytes),
    scope: scopeSource(module, functions, false),
    exported: sources(exportedSource),
    host: sources(hostSource),
  };
}
