// The playground: source text to a module on the server, which runs here.
import { ask, at, count, h, markBar, size } from "./dom.js";
import { Editor, problemBox } from "./editor.js";
import { EXAMPLES } from "./examples.js";
import { RunPane } from "./run.js";

const editor = new Editor({ label: "Program", submit: build });
const runPane = new RunPane(h("div", {}));
let settings = { compileC: false, compileCAllowed: false };

async function build() {
  const language = at("language").value;
  at("build").disabled = true;
  at("state").replaceChildren(h("span.chip", {}, language === "c" ? "compiling …" : "assembling …"));
  try {
    const outline = await (await ask(language === "c" ? "compile" : "assemble?title=playground", editor.value)).json();
    show(outline);
  } catch (error) {
    if (!error.problem) throw error;
    fail(error.problem);
  } finally {
    at("build").disabled = false;
  }
}

function fail(problem) {
  at("state").replaceChildren(h("span.chip.bad", {}, problem.kind === "InvalidError" ? "not valid" : "not built"));
  const box = problemBox(problem, editor);
  const places = (problem.notes || []).length || problem.line;
  if (problem.kind === "C" && places) box.append(h("details", {}, h("summary", {}, "▸ what the compiler says"), problem.message));
  at("messages").replaceChildren(box);
  const first = problem.line ? problem : (problem.notes || [])[0];
  editor.mark(first || null);
}

function show(outline) {
  if (outline.problem) {
    fail(outline.problem);
    return;
  }
  at("messages").replaceChildren();
  editor.mark(null);
  at("state").replaceChildren(h("span.chip.good", {}, `${size(outline.size)}, ${count(outline.functions.length, "function")}`));
  runPane.show(outline);
  at("result").replaceChildren(runPane.container);
}

function language() {
  const value = at("language").value;
  editor.language = value;
  at("example").replaceChildren(...Object.keys(EXAMPLES[value]).map((name) => h("option", {}, name)));
  example();
  at("messages").replaceChildren();
  at("build").disabled = value === "c" && !settings.compileC;
  if (value === "c" && !settings.compileC) {
    const text = settings.compileCAllowed
      ? "There is no C compiler on the server: pip install ziglang."
      : "The server was not allowed to compile C: start it with --compile-c.";
    at("messages").replaceChildren(h("p.problem", {}, text));
  }
}

function example() {
  editor.value = EXAMPLES[at("language").value][at("example").value];
  at("state").replaceChildren();
  runPane.stop();
  at("result").replaceChildren(h("p.quiet", {}, "Build it, then run it here."));
}

at("editor").append(editor.element);
at("build").addEventListener("click", build);
at("language").addEventListener("change", language);
at("example").addEventListener("change", example);
markBar();
ask("settings.json").then(async (response) => {
  settings = await response.json();
  language();
  await build();
});
