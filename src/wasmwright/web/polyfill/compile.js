// From a module's bytes to one that can be instantiated, whose functions are translated as they are called.
import { decode } from "./decode.js";
import { isInterpreted } from "./engine.js";
import { evaluate } from "./evaluate.js";
import { setShapeMaker } from "./exported.js";
import { scopeSource } from "./scope.js";
import { exportedSource, hostSource } from "./shapes.js";
import { translateFunction } from "./translate.js";
import { validateModule } from "./validate.js";

setShapeMaker((kind, shape) => evaluate((kind === "host" ? hostSource : exportedSource)(shape)));

/** Translates the functions of one module when instances first call them. */
class LazyLinker {
  constructor(module) {
    this.module = module;
    this.scope = null;
    this.sources = [];
  }

  /** The scope of an instance's code: a function that evaluates source in it. */
  enter(instance) {
    if (this.scope === null) this.scope = evaluate(scopeSource(this.module, null, isInterpreted()));
    return this.scope(instance);
  }

  /** The code of a function of an instance. */
  link(instance, index) {
    const { module, sources } = this;
    if (sources[index] === undefined) {
      sources[index] = translateFunction(module, index, (callee) => callee < module.imported.funcs, isInterpreted());
    }
    return instance.scope(`f${index}=(${sources[index]})`);
  }
}

/** A module from its bytes: decoded, validated, ready to be instantiated. Throws CompileError. */
export function compileBytes(bytes) {
  const module = decode(bytes);
  validateModule(module);
  module.linker = new LazyLinker(module);
  return module;
}
