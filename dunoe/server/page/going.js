/** Where on the page we are (#/ask, #/ask/SESSION, #/library, #/library/DOCUMENT, #/models), and what is read for it. */

import { $ } from "./draw.js";
import { lookAtLibrary, readLibrary } from "./library.js";
import { look } from "./models.js";
import { openDocument } from "./panel.js";
import { readPlan } from "./plan.js";
import { changed, state } from "./state.js";
import { listSessions, newTalk, openTalk } from "./talks.js";

const LIBRARY_EVERY_MS = 5000;

/** Go where the address says. */
export function go() {
  const [, view, rest] = location.hash.match(/^#\/(ask|library|models)(?:\/(.+))?$/) ?? [];
  state.view = view ?? "ask";
  state.problem = null;
  state.sessions.isOpen = false;
  if (state.view === "ask") goAsk(rest);
  if (state.view === "library") {
    readLibrary();
    if (rest) openDocument(decodeURIComponent(rest));
  }
  if (state.view === "models") {
    state.panel = null;
    if (state.plan.said === null) readPlan();
  }
  changed();
}

function goAsk(session) {
  if (session) openTalk(session);
  else if (!state.talk?.isNew) newTalk();
  if (matchMedia("(pointer: fine)").matches) requestAnimationFrame(() => requestAnimationFrame(() => $("question").focus()));
}

/** Ask the server for what is shown wherever we are. */
export function start() {
  look();
  listSessions();
  if (state.view !== "library") lookAtLibrary();
}

setInterval(() => {
  if (!document.hidden && state.view === "library") lookAtLibrary();
}, LIBRARY_EVERY_MS);
document.addEventListener("visibilitychange", look);
window.addEventListener("hashchange", go);
