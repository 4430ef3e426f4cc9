// Running a module in the browser: a program with arguments and input, or functions one by one.
import { h } from "./dom.js";

const WAYS = [
  ["native", "natively"],
  ["polyfill", "under the polyfill"],
  ["ahead", "translated ahead of time"],
];

export class RunPane {
  constructor(container) {
    this.container = container;
    this.worker = null;
  }

  /** Shows what can be run of a module. */
  show(outline) {
    this.stop();
    this.outline = outline;
    const isProgram = outline.exports.some((each) => each.name === "_start" && each.kind === "func");
    this.how = h("select", { onchange: () => this.stop() }, ...WAYS.map(([value, text]) => h("option", { value }, text)));
    this.output = h("pre.output", { tabindex: "0", role: "log", "aria-label": "Output" });
    this.stopButton = h("button", { type: "button", disabled: true, onclick: () => this.stopped() }, "Stop");
    const ways = h("label", {}, "How", this.how);
    const functions = outline.exports.filter((each) => each.kind === "func" && each.name !== "_start");
    const parts = isProgram ? this.program(ways) : [h("div.row", {}, ways, this.stopButton)];
    if (functions.length) parts.push(...this.functions(functions, isProgram));
    else if (!isProgram) parts.push(h("p.quiet", {}, "The module exports no function."));
    this.container.replaceChildren(...parts, this.output);
  }

  program(ways) {
    const name = this.outline.title.split("/").pop();
    this.args = h("input.mono", { placeholder: "arguments, with spaces between", "aria-label": "Arguments", value: "" });
    this.stdin = h("textarea.stdin", { placeholder: "standard input", "aria-label": "Standard input", spellcheck: "false" });
    const run = () => this.start({ args: [name, ...words(this.args.value)], stdin: this.stdin.value });
    this.args.addEventListener("keydown", (event) => event.key === "Enter" && run());
    return [h("div.row", {}, h("button.main", { type: "button", onclick: run }, "Run"), this.stopButton, ways, h("label.grow", {}, "with", this.args)), this.stdin];
  }

  functions(entries, folded) {
    const rows = entries.slice(0, 200).map((entry) => {
      const [, params = "", results = ""] = /\[(.*?)\] -> \[(.*?)\]/.exec(entry.type) || [];
      const types = params.split(/\s+/).filter(Boolean);
      const inputs = types.map((type, index) => h("input.mono", { placeholder: type, "aria-label": `${entry.name}: argument ${index}, ${type}` }));
      const call = () => this.call(entry.name, inputs.map((input) => input.value), types);
      for (const input of inputs) input.addEventListener("keydown", (event) => event.key === "Enter" && call());
      return h("li", {}, h("button", { type: "button", onclick: call, "aria-label": `Call ${entry.name}` }, "Call"), h("code", {}, entry.name), ...inputs, h("span.quiet", {}, `→ ${results || "nothing"}`));
    });
    const list = h("ul.calls", {}, ...rows);
    return folded ? [h("details", {}, h("summary", {}, h("span.quiet", {}, `▸ Functions to call: ${entries.length}`)), list)] : [list];
  }

  /** A worker that has, or gets, an instance; `start` runs the program in it. */
  spawn(start) {
    this.stop();
    const worker = new Worker(`/_wasmwright/runner.js?how=${this.how.value}`);
    this.worker = worker;
    this.decoders = { out: new TextDecoder(), err: new TextDecoder() };
    worker.onmessage = ({ data }) => worker === this.worker && this.heard(data);
    worker.onerror = (event) => this.say(event.message || "the worker could not be started", "err");
    const { id, imports } = this.outline;
    worker.postMessage({ how: this.how.value, module: `/_wasmwright/module/${id}`, imports, start });
    this.stopButton.disabled = false;
  }

  start(options) {
    this.output.replaceChildren();
    this.spawn(options);
  }

  call(name, args, types) {
    if (this.worker === null) this.spawn(undefined);
    this.say(`${name}(${args.map((each) => each.trim() || "0").join(", ")})`, "say");
    this.worker.postMessage({ call: { name, args, types } });
  }

  heard(data) {
    for (const stream of ["out", "err"]) {
      if (data[stream]) this.write(this.decoders[stream].decode(data[stream], { stream: true }), stream === "err" ? "err" : "");
    }
    if (data.say) this.say(data.say, "say");
    if (data.failed) {
      this.say(data.failed, "err");
      for (const frame of data.frames) this.output.append("  ", h("a.say", { href: `#${frame}` }, frame), "\n");
      this.stop();
    }
    if (data.done) {
      const took = `${data.milliseconds < 10 ? data.milliseconds.toFixed(2) : Math.round(data.milliseconds)} ms`;
      if (data.results) this.say(`→ ${data.results.join(", ") || "nothing"}   (${took})`, "res");
      else {
        this.say(`exit ${data.code} after ${took}, ${this.how.selectedOptions[0].textContent}`, data.code ? "err" : "res");
        this.stop();
      }
    }
  }

  /** A line of ours, on a line of its own. */
  say(text, kind) {
    const before = this.output.textContent;
    this.write(`${before === "" || before.endsWith("\n") ? "" : "\n"}${text}\n`, kind);
  }

  write(text, kind) {
    const atEnd = this.output.scrollTop + this.output.clientHeight >= this.output.scrollHeight - 30;
    this.output.append(kind ? h(`span.${kind}`, {}, text) : text);
    if (this.output.childNodes.length > 5000) this.output.firstChild.remove();
    if (atEnd) this.output.scrollTop = this.output.scrollHeight;
  }

  stopped() {
    this.stop();
    this.say("stopped", "err");
  }

  stop() {
    if (this.worker !== null) this.worker.terminate();
    this.worker = null;
    if (this.stopButton) this.stopButton.disabled = true;
  }
}

/** Arguments as a shell takes them apart, quotes included. */
function words(text) {
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g)].map(([, double, single, bare]) => (double !== undefined ? double.replace(/\\(.)/g, "$1") : single ?? bare));
}
