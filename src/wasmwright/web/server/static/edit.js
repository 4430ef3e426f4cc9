// The editor of View Source: the module's text, assembled on the server, shown anew.
import { ask, h } from "./dom.js";
import { Editor, problemBox } from "./editor.js";

export class EditPane {
  /** `assembled(outline)` is called with what the text was assembled to. */
  constructor(container, { path, assembled }) {
    this.path = path;
    this.assembled = assembled;
    this.original = "";
    this.shown = null; // the id of the module whose text this is
    this.editor = new Editor({ label: "The module in the text format", submit: () => this.assemble() });
    this.button = h("button.main", { type: "button", onclick: () => this.assemble() }, "Assemble and show");
    this.save = h("button", { type: "button", hidden: true, onclick: () => this.write() }, "Save file");
    this.messages = h("div", {});
    this.status = h("span.quiet", { role: "status" }, "Ctrl+Enter assembles");
    container.append(h("div.row", {}, this.button, this.save, this.status), this.messages, this.editor.element);
  }

  /** Whether there is text that the file does not have. */
  changed() {
    return this.editor.value !== this.original;
  }

  /** Loads the text of a module, unless it is there already. */
  async open({ id, text }) {
    if (this.shown === id || this.changed()) return;
    this.shown = id;
    try {
      this.openText(await (await ask(`module/${id}/text?fold`)).text(), null);
      const { write } = await (await ask("settings.json")).json();
      this.save.hidden = !(write && text && this.path.endsWith(".wat"));
    } catch (error) {
      this.messages.replaceChildren(h("p.problem", {}, error.message));
    }
  }

  /** Shows a text, and what is wrong with it. */
  openText(text, problem) {
    this.editor.value = text;
    this.original = this.editor.value;
    this.say(problem);
  }

  say(problem) {
    this.messages.replaceChildren(...(problem ? [problemBox(problem, this.editor)] : []));
    this.editor.mark(problem && problem.line ? problem : null, problem !== null);
  }

  async assemble() {
    await this.attempt("Assembling …", async () => {
      const outline = await (await ask("assemble?title=" + encodeURIComponent(this.path.split("/").pop()), this.editor.value)).json();
      this.shown = outline.id;
      // Shown even where it is not valid, and marked here and there.
      this.say(outline.problem);
      if (outline.problem === null || !outline.problem.line) this.assembled(outline);
    });
  }

  async write() {
    await this.attempt("Saving …", async () => {
      await ask(`save?path=${encodeURIComponent(this.path)}`, this.editor.value);
      this.original = this.editor.value;
      this.say(null);
    });
  }

  async attempt(words, work) {
    this.button.disabled = true;
    this.status.textContent = words;
    try {
      await work();
    } catch (error) {
      if (!error.problem) throw error;
      this.say(error.problem);
    } finally {
      this.button.disabled = false;
      this.status.textContent = "Ctrl+Enter assembles";
    }
  }
}
