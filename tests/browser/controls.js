/* Notes each control of the page when it is shown and when it is pressed: `noteControl(what, view, role, name)`.

   A button in a row is called by its visible word where its accessible name says more ("Load", not "Load llama3.2:3b"),
   a radio button by its group. What is folded counts as shown: one press unfolds it. */
(() => {
  const ROLES = {
    "[role=tab]": "tab", "[role=menuitem]": "menuitem", "button, [role=button]": "button", "a[href]": "link",
    "summary": "summary", "select": "combobox", "[type=checkbox]": "checkbox", "[type=radio]": "radio",
    "[type=file]": "file", "input:not([type=hidden]), textarea": "textbox",
  };
  // Not to be pressed now: what is hidden, and what is busy with the last press. A link that a model writes is no control.
  const ABSENT = "[hidden], dialog:not([open]), [aria-busy=true], #lines .text a";
  const CONTROLS = Object.keys(ROLES).join(", ");
  const noted = new Set();

  const FIELDS = "select, input, textarea, small, .note";
  const UNSEEN = `[aria-hidden=true], .unseen, ${FIELDS}`;
  const words = (node, without) => {
    const own = node.cloneNode(true);
    for (const other of own.querySelectorAll(without)) other.remove();
    return own.textContent.replace(/\s+/g, " ").trim();
  };
  const labelled = (node) =>
    node.getAttribute("aria-label") ||
    (node.getAttribute("aria-labelledby") ?? "").split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? "")
      .join(" ").trim() ||
    [...(node.labels ?? [])].map((label) => words(label, FIELDS)).join(" ");
  const name = (node, role) => {
    if (role === "radio") return node.name;
    if (node.matches(".chip")) return "Remove a choice";
    if (node.matches(".suggestions *")) return "A question to ask";
    const seen = ["button", "link", "tab", "summary", "menuitem"].includes(role) ? words(node, UNSEEN) : "";
    const said = labelled(node);
    if (seen && (said === "" || said.startsWith(seen))) return seen;
    return said || node.title || node.placeholder || "";
  };
  const view = (node) => {
    if (node.closest("dialog")) return "dialog";
    if (node.closest(".key-form")) return "every view";
    const panel = node.closest("[role=tabpanel]");
    if (panel) return panel.getAttribute("aria-labelledby").replace("tab-", "");
    return node.closest("#page > header, [role=tablist], .links") ? "every view" : "call";
  };
  const note = (what, node) => {
    const role = ROLES[Object.keys(ROLES).find((kind) => node.matches(kind))];
    const key = [what, view(node), role, name(node, role)];
    if (noted.has(key.join())) return;
    noted.add(key.join());
    window.noteControl(...key);
  };
  const page = () => document.getElementById("page"); // the documents of the API are no part of it
  const pressed = (event) => {
    const node = event.target.closest?.(CONTROLS);
    if (!node || !page()) return;
    const set = node.matches("select, textarea, input:not([type=button], [type=submit])");
    if (set === (event.type !== "click")) note("pressed", node);
  };
  for (const kind of ["click", "input", "change"]) addEventListener(kind, pressed, true);

  let due = 0;
  const look = () => {
    due = 0;
    if (!page()) return;
    for (const node of document.querySelectorAll(CONTROLS)) {
      if (!node.closest(ABSENT)) note("shown", node);
    }
  };
  new MutationObserver(() => {
    due ||= setTimeout(look, 200); // milliseconds; a busy page is not read at every word that comes
  }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
})();
