/** A document opened beside everything else: its text, and the place that was meant. */

import { attempt, changed, state } from "./state.js";
import { json, query } from "./server.js";

/** Characters drawn before and after the place; more is drawn when it is wanted. */
export const WINDOW = 30_000;

/** Open a document by its id or path, at a passage. at: what is known of the place in it, before it is here. */
export async function openDocument(id, { passage = "", at = {}, opener = null } = {}) {
  const panel = { id, passage, at, opener, document: null, text: null, before: WINDOW, after: WINDOW, problem: null };
  state.panel = panel;
  changed();
  await attempt(async () => {
    const path = `/api/documents/${encodeURIComponent(id)}`;
    panel.document = await json(query(path, { passage, start: at.start }));
    panel.text = cut(panel.document);
  }, (problem) => (panel.problem = problem));
}

/** Go to another passage of the document that is open. */
export function openPassage(passage) {
  const { panel } = state;
  const found = { ...panel.document, highlight: panel.document.passages.find(({ id }) => id === passage) };
  state.panel = { ...panel, passage, at: {}, document: found, text: cut(found), before: WINDOW, after: WINDOW };
  changed();
}

/** Close it; focus goes back to where it was opened from. */
export function closeDocument() {
  const { opener } = state.panel ?? {};
  state.panel = null;
  changed();
  if (opener?.isConnected) opener.focus();
}

/** Draw more of the text around the place. */
export function drawMore(side) {
  state.panel[side] *= 4;
  changed();
}

/** The text before the place, in it, and after it. The server counts letters, JavaScript counts halves of some. */
function cut({ content, highlight }) {
  if (!highlight) return ["", "", content];
  const at = offsets(content, highlight.start, highlight.end);
  return [content.slice(0, at[0]), content.slice(at[0], at[1]), content.slice(at[1])];
}

function offsets(content, ...places) {
  if (!/[\ud800-\udbff]/.test(content)) return places;
  return places.map((place) => {
    let at = 0;
    for (let letters = 0; letters < place && at < content.length; letters += 1)
      at += content.codePointAt(at) > 0xffff ? 2 : 1;
    return at;
  });
}
