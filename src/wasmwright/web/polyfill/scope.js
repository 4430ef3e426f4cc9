// The scope in which an instance's translated functions stand: the source of a function of the instance
// that declares what they name and gives a way in. Function 12 is `f12` there, global 3 `g3` (and `k3`,
// the high half of an i64) or, where others see it, `G3`; memories are `M0`, `B0`, tables `T0`, types `t0`.
//
// What is assigned is a `var`: engines check at each use of a `let` of another scope that it has a value.
// Texts for each member of a list, by index.
const each = (list, text) => list.map((_, index) => text(index)).join("");

/** Functions for memory accesses from code that is too long to have them inline. */
function accessors() {
  let source = "";
  for (const name of ["Int8", "Uint8", "Int16", "Uint16", "Int32", "Float32", "Float64"]) {
    const endian = name.endsWith("8") ? "" : ",true";
    source += `const get${name}=(p)=>M0.get${name}(p${endian});`;
    if (!name.startsWith("U")) source += `const set${name}=(p,x)=>{M0.set${name}(p,x${endian});};`;
  }
  return source;
}

/**
 * The source of a module's scope: `(E) => entry`, where E is an instance (see instance.js). `functions`
 * are the sources of its functions, where they stand in the scope from the beginning; else null.
 */
export function scopeSource(module, functions) {
  const { imported } = module;
  let source = "(function(E){";
  source += each(module.types, (i) => `const t${i}=E.types[${i}];`);
  source += each(module.memories, (i) => `var M${i},B${i};E.memories[${i}].watch((m)=>{M${i}=m.view;B${i}=m.bytes;});`);
  if (module.memories.length > 0) source += accessors();
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
