// Functions across the border, as source. For each shape of function type there is one JavaScript
// function that makes the API's functions of it, and one that makes what code calls for a function of
// the host. The sources are evaluated on first use, or made part of a module translated ahead of time.

/** The expression of a JavaScript value as code's, for a letter of a shape. */
function inward(letter, text, type) {
  return { i: `${text}|0`, l: `fromBigInt(${text})`, f: `Math.fround(${text})`, d: `+${text}`, r: `toReference(${text},${type})` }[letter];
}

/** The expression of code's value as JavaScript's. */
function outward(letter, text, upper, type) {
  return { l: `toBigInt(${text},${upper})`, r: `fromReference(${text},${type},exportedFunction)` }[letter] || text;
}

const REFUSAL = "throw new TypeError(\"WebAssembly: a type of this function cannot cross to JavaScript\");";

/** The source of what makes the API's functions: `(type) => (func) => (a0, a1 …) => …`. */
export function exportedSource(shape) {
  const [params, results] = shape.split(":");
  const names = [...params].map((_, index) => `a${index}`);
  if (shape.includes("x")) return `(type)=>(func)=>(${names})=>{${REFUSAL}}`;
  let conversions = "";
  const given = [];
  [...params].forEach((letter, index) => {
    conversions += `const b${index}=${inward(letter, `a${index}`, `type.params[${index}]`)};`;
    given.push(`b${index}`);
    if (letter === "l") {
      conversions += `const c${index}=high;`;
      given.push(`c${index}`);
    }
  });
  const call = `(func.code===undefined?codeOf(func):func.code)(${given})`;
  let body;
  if (results.length === 0) {
    body = `${call};`;
  } else if (results.length === 1) {
    body = results === "l" ? `const r=${call};return toBigInt(r,high);` : `return ${outward(results, call, "", "type.results[0]")};`;
  } else {
    let at = 0;
    const values = [...results].map((letter, index) => {
      const text = outward(letter, `r[${at}]`, `r[${at + 1}]`, `type.results[${index}]`);
      at += letter === "l" ? 2 : 1;
      return text;
    });
    body = `const r=${call};return [${values}];`;
  }
  return `(type)=>(func)=>(${names})=>{${conversions}try{${body}}catch(e){throw fault(e);}}`;
}

/** The source of what makes code's functions: `(type) => (host) => (x0, x1, y1 …) => …`. */
export function hostSource(shape) {
  const [params, results] = shape.split(":");
  const names = [];
  const given = [];
  [...params].forEach((letter, index) => {
    names.push(`x${index}`);
    if (letter === "l") names.push(`y${index}`);
    given.push(outward(letter, `x${index}`, `y${index}`, `type.params[${index}]`));
  });
  const call = `host(${given})`;
  let body;
  if (shape.includes("x")) {
    body = REFUSAL;
  } else if (results.length === 0) {
    body = `${call};`;
  } else if (results.length === 1) {
    body = `return ${inward(results, call, "type.results[0]")};`;
  } else {
    const values = [...results].map((letter, index) => {
      const text = inward(letter, `r[${index}]`, `type.results[${index}]`);
      return letter === "l" ? `${text},high` : text;
    });
    body = `const r=listOf(${call},${results.length});return [${values}];`;
  }
  return `(type)=>(host)=>(${names})=>{try{${body}}catch(e){throw hostError(e);}}`;
}
