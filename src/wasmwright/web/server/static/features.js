// The feature page: every probe in workers under different policies.
import { ask, at, h, markBar } from "./dom.js";

const POLICIES = [
  ["'self' 'unsafe-eval'", "eval", "what most pages have: no policy, or one that allows evaluation"],
  ["'self' 'wasm-unsafe-eval'", "wasm", "WebAssembly, but no evaluation of text"],
  ["'self'", "strict", "neither"],
];

/** What a worker under a policy finds. */
function probe(policy, message) {
  return new Promise((done) => {
    const worker = new Worker(`/_wasmwright/probe.js?policy=${policy}`);
    worker.onmessage = ({ data }) => {
      worker.terminate();
      done(data);
    };
    worker.onerror = (event) => done({ failed: event.message || "the worker did not start" });
    worker.postMessage(message);
  });
}

const yes = (text = "works") => h("span.yes", {}, text);
const no = (text = "no") => h("span.no", {}, text);

function verdict(result) {
  if (!result) return no("?");
  if (result.works) return yes();
  if (!result.valid) return h("span.no", { title: result.error || "" }, "not supported");
  return h("span.part", { title: result.error || "" }, "only validates");
}

function card(title, value, text) {
  return h("div.probe", {}, h("h2", {}, title), h("p", {}, value), h("small", {}, text));
}

function features(rows, found) {
  let release = "";
  for (const row of rows) {
    if (row.release !== release) {
      release = row.release;
      const title = { proposed: "Proposals", legacy: "Superseded" }[release] || `WebAssembly ${release}`;
      at("table").append(h("tbody", {}, h("tr.release", {}, h("th", { colspan: 4, scope: "rowgroup" }, title))));
    }
    at("table").lastElementChild.append(h("tr", {},
      h("td", {}, row.name, h("small", {}, row.text)),
      h("td.ver", {}, verdict(found.native[row.name])),
      h("td.ver", {}, verdict(found.polyfill[row.name])),
      h("td.ver", {}, row.native ? yes() : no()),
    ));
  }
}

function summary(rows, found) {
  const total = (side) => rows.filter((row) => found[side][row.name].works).length;
  // Compiled, it is one to three; interpreters take 25 and more.
  const jit = found.turn < 10;
  const nanoseconds = `${found.turn < 10 ? found.turn.toFixed(1) : Math.round(found.turn)} ns a turn of a simple loop`;
  at("probes").replaceChildren(
    card("WebAssembly", typeof WebAssembly === "object" ? `${total("native")} of ${rows.length}` : "missing", "features run in this browser's own engine"),
    card("Polyfill", `${total("polyfill")} of ${rows.length}`, "features run in JavaScript, without WebAssembly"),
    card("JavaScript compiler", jit ? "compiled" : "interpreted", jit ? nanoseconds : `${nanoseconds}: as where the JIT is turned off`),
    card("Shared memory", globalThis.crossOriginIsolated ? "isolated" : "not isolated", globalThis.crossOriginIsolated ? "SharedArrayBuffer is there" : "serve with --isolate for SharedArrayBuffer"),
  );
}

function policies(answers) {
  POLICIES.forEach(([source, , text], index) => {
    const answer = answers[index];
    const first = (side) => (answer[side] ? (answer[side]["the first version"].works ? yes() : h("span.no", { title: answer[side]["the first version"].error || "" }, "forbidden")) : no("?"));
    const ahead = answer.ahead === undefined ? no("not translated") : answer.ahead ? yes() : h("span.part", { title: answer.aheadError || "" }, "failed");
    at("policies").tBodies[0].append(h("tr", {}, h("td", {}, h("code", {}, source), h("small", {}, text)), h("td.ver", {}, first("native")), h("td.ver", {}, first("polyfill")), h("td.ver", {}, ahead)));
  });
}

async function main() {
  markBar();
  const rows = await (await ask("features.json")).json();
  const bytes = Uint8Array.from(atob(rows[0].binary), (char) => char.charCodeAt(0));
  const { id } = await (await ask("assemble?title=probe", bytes)).json();
  const ahead = (await fetch(`/_wasmwright/module/${id}.js`)).ok ? `/_wasmwright/module/${id}.js` : null;
  const found = await probe("eval", { probes: rows, measure: true });
  if (found.failed) {
    at("probes").replaceChildren(h("p.problem", {}, found.failed));
    return;
  }
  summary(rows, found);
  features(rows, found);
  const answers = [];
  for (const [, policy] of POLICIES) answers.push(await probe(policy, { probes: rows.slice(0, 1), ahead }));
  policies(answers);
  for (const [name, [native, polyfill]] of Object.entries(found.interface)) {
    at("interface").tBodies[0].append(h("tr", {}, h("td", {}, h("code", {}, name)), h("td.ver", {}, native ? yes("there") : no()), h("td.ver", {}, polyfill ? yes("there") : no())));
  }
  document.documentElement.dataset.done = "";
}

main();
