// The text format in colours: tokens of a line, by class.
const TOKEN = /(\(;[^]*?;\)|;;[^\n]*)|("(?:[^"\\\n]|\\.)*"?)|(\$(?:"(?:[^"\\\n]|\\.)*"|[^\s()";,]+))|([()])|([^\s()";]+)|(\s+)/g;
const NUMBER = /^[+-]?(?:0x[\da-f_]|\d|inf$|nan\b)/i;
const CONTROL = /^(?:block|loop|if|then|else|end|try|do|catch|catch_all|delegate|rethrow|try_table|throw|throw_ref|br|br_if|br_table|br_on_\w+|return|unreachable|nop|select)$/;
const CALL = /^(?:call|return_call|ref\.func|call_ref|return_call_ref|call_indirect|return_call_indirect)$/;
const MEMORY = /(?:\.load|\.store|\.atomic\.|^memory\.|^data\.|^table\.|^elem\.)/;
const KEYWORD = /^(?:module|func|type|import|export|memory|table|global|tag|elem|data|start|param|result|local|mut|rec|sub|final|struct|array|field|offset|item|declare|shared|pagesize|ref|null)$/;

/** The class of a bare word. */
export function wordClass(word) {
  if (NUMBER.test(word)) return "n";
  if (CONTROL.test(word)) return "o";
  if (CALL.test(word)) return "f";
  if (KEYWORD.test(word) || word.startsWith("(@") || word.startsWith("@")) return "k";
  if (MEMORY.test(word)) return "m";
  if (/^(?:local|global)\./.test(word)) return "v";
  if (/^(?:[if](?:32|64)|v128|\w+ref)$/.test(word)) return "t";
  return "p";
}

/** The tokens of a text: `[class, text]`, spaces without a class. */
export function* tokens(text) {
  for (const [whole, comment, string, id, paren, word] of text.matchAll(TOKEN)) {
    if (comment !== undefined) yield [comment.startsWith(";; error:") ? "e" : "c", whole];
    else if (string !== undefined) yield ["s", whole];
    else if (id !== undefined) yield ["i", whole];
    else if (paren !== undefined) yield ["x", whole];
    else if (word !== undefined) yield [wordClass(word), whole];
    else yield ["", whole];
  }
}

/** Appends a text in colours; `link(previous, token)` may give where a token leads. */
export function paint(parent, text, link = () => null) {
  let previous = "";
  for (const [kind, token] of tokens(text)) {
    if (kind === "") {
      parent.append(token);
      continue;
    }
    const target = kind === "i" || kind === "n" ? link(previous, token) : null;
    const element = document.createElement(target === null ? "span" : "a");
    element.className = kind;
    if (target !== null) element.href = target;
    element.textContent = token;
    parent.append(element);
    if (kind !== "c" && kind !== "x") previous = token;
  }
}
