// Put into the folder's pages: reloads them when a file of the folder changes.
(function () {
  "use strict";
  if (typeof EventSource !== "function") return;
  const events = new EventSource("/_wasmwright/reload");
  let wasReady = false;
  events.addEventListener("change", () => location.reload());
  // The server came back: whatever was changed in between was not told.
  events.addEventListener("ready", () => {
    if (wasReady) location.reload();
    wasReady = true;
  });
  addEventListener("pagehide", () => events.close());
})();
