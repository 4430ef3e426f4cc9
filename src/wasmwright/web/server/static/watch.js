// Tells when files of the folder change; pages of the server's own decide what that means for them.

/** Calls `changed(paths)` when files change. What is returned ends it. */
export function watch(changed) {
  const events = new EventSource("/_wasmwright/reload");
  events.addEventListener("change", (event) => changed(JSON.parse(event.data)));
  addEventListener("pagehide", () => events.close());
  return () => events.close();
}

// As a page's only script (the directory index), any change is its business.
if (document.querySelector("table.files")) watch(() => location.reload());
