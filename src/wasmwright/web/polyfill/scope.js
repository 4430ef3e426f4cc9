// The scope in which an instance's translated functions stand: the source of a function of the instance
// that declares what they name and gives a way in. Function 12 is `f12` there, global 3 `g3` (and `k3`,
// the high half of an i64) or, where others see it, `G3`; memories are `M0`, `B0`, tables `T0`, types `t0`.
//
// What is assigned is a `var`: engines check at each use of a `let` of another scope that it has a value.
import { ELEMENTS } from "./memory.js";

// Texts for each member of a list, by index.
const each = (list, text) => list.map((_, index) => text(index)).join("");

/** Functions for accesses to memory 0 from code that is too long to have them inline. */
const accessors = () =>
  texts((type) => `const get${type}=(p)=>M0.get${type}(p,true),set${type}=(p,x)=>{M0.set${type}(p,x,true);};`);

/** What code for an engine that interprets accesses memory 0 by: the view's methods, bound, and arrays. */
const arrays = () =>
  `var ${texts((type) => `get${type},set${type},${type}s,`)}$;E.memories[0].watch(()=>{${texts((type, size) =>
    `get${type}=M0.get${type}.bind(M0);set${type}=M0.set${type}.bind(M0);${type}s=new ${type}Array(B0.buffer,0,B0.length/${size});`)}});`;

/** Texts for each type of elements. */
const texts = (text) => Object.keys(ELEMENTS).map((type) => text(type, ELEMENTS[type])).join("");

/**
 * The source of a module's scope: `(E) => entry`, where E is an instance (see instance.js). `functions`
 * are the sources of its functions, where they stand in the scope from the beginning; else null.
 */
export function scopeSource(module, functions, interpreted) {
  const { imported } = module;
  let source = `(function(E){${interpreted ? "var {abs,ceil,clz32,floor,fround,imul,max,min,sqrt,trunc}=Math;" : ""}`;
  source += each(module.types, (i) => `const t${i}=E.types[${i}];`);
  source += each(module.memories, (i) => `var M${i},B${i};E.memories[${i}].watch((m)=>{M${i}=m.view;B${i}=m.bytes;});`);
  if (module.memories.length > 0) source += interpreted ? arrays() : accessors();
  source += each(module.tables, (i) => `const T${i}=E.tables[${i}].elements;`);
  source += each(module.globals, (i) =>
    module.shared.has(i) ? `const G${i}=E.globals[${i}];` : `var {value:g${i},high:k${i},third:m${i},fourth:n${i}}=E.globals[${i}];`);
  for (let i = 0; i < imported.funcs; i++) source += `const f${i}=codeOf(E.funcs[${i}]);`;
  if (functions !== null) {
    functions.forEach((text, i) => {
      source += text.startsWith("function") ? text : `const f${i + imported.funcs}=${text};`;
    });
    const names = module.funcs.map((_, i) => `f${i}`);
    return `${source}const codes=[${names}];return (i)=>codes[i];})`;
  }
  for (let i = imported.funcs; i < module.funcs.length; i++) source += `var f${i};`;
  return `${source}return (source)=>eval(source);})`;
}
