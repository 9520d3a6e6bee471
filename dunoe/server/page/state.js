/** The one state of the page. Whoever changes it says `changed()`; whoever draws it is told, once a frame. */

import { firstLanguage, wordsOf } from "./words.js";
import { Problem } from "./server.js";

export const state = {
  language: firstLanguage(),
  theme: localStorage.getItem("dunoe.theme") ?? "", // "light", "dark", or what the system says
  view: "ask", // ask, library, models
  problem: null, // of an action that has no place of its own
  lookProblem: null, // why the state of the brain is not known
  refused: null, // {problem, again: []}: what was refused for want of a key, to be done with one
  confirm: null, // {title, text, act, yes}: what a person must say yes to
  copied: "", // name of what was copied a moment ago
  brain: null, // what /api/brain said last
  moving: new Map(), // model -> "loading" or "unloading", while our own request for it runs
  model: "", // chosen to try
  plan: { said: null, number: 0, problem: null, vram: "", ram: "" }, // what /api/fit said last, and the GiB that were typed
  asked: null, // what was tried last, see `trying.js`
  talk: null, // the conversation that is open, see `talks.js`
  sessions: { list: [], query: "", hasMore: false, isOpen: false, problem: null },
  scope: { usesDocuments: true, role: "", filters: {}, isMasked: false, choices: null, isOpen: false },
  library: {
    said: null, // what /api/library said last
    progress: null, // of the sync that runs
    failures: [],
    documents: [],
    hasMore: false,
    query: "",
    kind: "",
    hits: null, // places found inside documents, for the same query
    isSyncing: false, // our own request for it runs
    isLoading: false,
    problem: null,
  },
  panel: null, // the document that is open beside everything, see `panel.js`
};

/** The words of the language that is spoken now. */
export const words = () => wordsOf(state.language);

let draw = () => {};
let frame = 0;

/** Who draws the state. */
export function drawnBy(render) {
  draw = render;
}

/** Something is different: draw it in the next frame. */
export function changed() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    draw(state, words());
  });
}

/** The Problem behind an error; anything else is a fault of this page and rises. */
export function problemOf(error) {
  if (error instanceof Problem) return error;
  throw error;
}

/** Note a refusal that a key would cure, and what to do again with one. True when it was one. */
export function refuse(problem, again = null) {
  if (!problem?.isAboutKey) return false;
  if (problem.isOld) {
    again?.();
    return true;
  }
  state.refused = { problem, again: [...(state.refused?.again ?? []), ...(again ? [again] : [])] };
  changed();
  return true;
}

/** Do something that may fail. Its problem goes to the top of the page, or to `tell`. */
export async function attempt(act, tell = (problem) => (state.problem = problem)) {
  tell(null);
  try {
    await act();
  } catch (error) {
    if (error.name === "AbortError") return;
    const problem = problemOf(error);
    if (!refuse(problem, () => attempt(act, tell))) tell(problem);
  } finally {
    changed();
  }
}
