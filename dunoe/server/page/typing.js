/** What keys, fields and forms do. */

import { running, send, stop } from "./asking.js";
import { documentOf } from "./doing.js";
import { $ } from "./draw.js";
import { go, start } from "./going.js";
import { addFolder, label, readDocuments, searchInside } from "./library.js";
import { isTrying, stopTrying, tryOut } from "./models.js";
import { closeDocument } from "./panel.js";
import { readPlan } from "./plan.js";
import { choose } from "./scope.js";
import { keepKey } from "./server.js";
import { changed, state } from "./state.js";
import { listSessions } from "./talks.js";

const TYPED_MS = 250;

const isTyping = ({ target }) => target.closest("input, textarea, select") !== null;

document.addEventListener("keydown", (event) => {
  if (event.isComposing) return; // Enter and Esc belong to the Hangul being written
  if (event.key === "Escape" && !$("confirm").open) escape();
  const isSlash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (isSlash) slash(event);
  hasSlashed = isSlash;
});

let hasSlashed = false; // the key before was a slash

/** A slash goes to the field. In the field, while it is empty, one slash still means that; the next is written. */
function slash(event) {
  const field = $({ ask: "question", library: "document-words", models: "try-text" }[state.view]);
  const isThere = event.target === field && field.value === "" && !hasSlashed;
  if (isTyping(event) && !isThere) return;
  event.preventDefault();
  field.focus();
}

/** What is nearest ends first: the drawer, the document one reads in, an answer, the document. */
function escape() {
  if (state.sessions.isOpen) state.sessions.isOpen = false;
  else if (state.panel && $("panel").contains(document.activeElement)) closeDocument();
  else if (state.view === "ask" && running()) stop();
  else if (isTrying()) stopTrying();
  else if (state.panel) closeDocument();
  changed();
}

/** Enter sends where there is a keyboard; on a phone it begins a new line, and the button sends. */
$("question").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || event.shiftKey) return;
  const isSent = event.ctrlKey || event.metaKey || matchMedia("(pointer: fine)").matches;
  if (!isSent) return;
  event.preventDefault();
  $("composer").requestSubmit();
});
$("try-text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("try-form").requestSubmit();
});
$("document-list").addEventListener("keydown", (event) => {
  const field = event.target.closest(".add-label");
  if (event.key !== "Enter" || event.isComposing || !field?.value.trim()) return;
  label(documentOf(field.dataset.id), field.value.trim(), "POST");
  field.value = "";
});

/** The field is as high as what is written in it. */
function grow() {
  const field = $("question");
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, innerHeight * 0.4)}px`;
}

let typed = 0;
const soon = (act) => {
  clearTimeout(typed);
  typed = setTimeout(act, TYPED_MS);
};

$("question").addEventListener("input", grow);
$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = $("question").value.trim();
  if (!question || running()) return;
  $("question").value = "";
  grow();
  state.scope.isOpen = false;
  send(question);
});
$("filters").addEventListener("change", ({ target }) => {
  if (!target.dataset.filter) return; // it is no filter: how the answer is written
  choose(target.dataset.filter, target.value.trim());
  if (target.tagName === "SELECT") target.value = "";
});
$("mask").addEventListener("change", ({ target }) => {
  state.scope.isMasked = target.checked;
  changed();
});
$("panel-passages").addEventListener("toggle", changed);
$("role").addEventListener("change", ({ target }) => {
  state.scope.role = target.value;
  changed();
});
$("session-words").addEventListener("input", ({ target }) => {
  state.sessions.query = target.value;
  soon(listSessions);
});
$("find").addEventListener("submit", (event) => event.preventDefault());
$("find").addEventListener("input", () => {
  state.library.query = $("document-words").value;
  state.library.kind = $("document-kind").value;
  soon(() => {
    readDocuments();
    searchInside();
  });
});
$("add-folder").addEventListener("submit", async (event) => {
  event.preventDefault();
  const path = $("folder-path").value.trim();
  if (await addFolder(path)) $("folder-path").value = "";
});
$("confirm").addEventListener("close", () => {
  const { act } = state.confirm;
  state.confirm = null;
  if ($("confirm").returnValue === "yes") act();
});
$("try-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = $("try-text").value.trim();
  if (question && !isTrying()) tryOut(question);
});
$("try-model").addEventListener("change", ({ target }) => {
  state.model = target.value;
  changed();
});
$("plan-form").addEventListener("submit", (event) => event.preventDefault());
$("plan-form").addEventListener("change", ({ target }) => {
  if (!target.reportValidity()) return;
  if (target.id === "plan-ram") state.plan.ram = target.value;
  else state.plan.vram = target.id === "plan-vram" ? target.value : ""; // another profile is for another card
  readPlan($("plan-profile").value);
});
$("key").addEventListener("submit", (event) => {
  event.preventDefault();
  keepKey($("key-field").value.trim());
  $("key-field").value = "";
  const { again = [] } = state.refused ?? {};
  state.refused = state.problem = state.lookProblem = null;
  go();
  start();
  for (const act of again) act();
});
