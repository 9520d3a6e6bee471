/** The status page: one state, drawn by `render`; what a person does and what the server says change it. */

import { ask, json, keepKey, Problem } from "./server.js";
import { render } from "./show.js";
import { firstLanguage, keepLanguage, wordsOf } from "./words.js";

const LOOK_EVERY_MS = 2000;
const LOOK_LIMIT_MS = 20000;
const COPIED_MS = 2000;

const state = {
  language: firstLanguage(),
  brain: null, // what /api/brain said last
  lookProblem: null,
  moveProblem: null,
  moving: new Map(), // model -> "loading" or "unloading", while our own request for it runs
  again: null, // what was refused for want of a key, to be done with one
  model: "", // chosen to ask
  asked: null, // the question under way or answered last, see `send`
  copied: "", // id of what was copied a moment ago
};

const $ = (id) => document.getElementById(id);
const words = () => wordsOf(state.language);

let frame = 0;
function changed() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    render(state, words());
  });
}

/** The Problem behind an error; anything else is a fault of this page and rises. */
function problemOf(error) {
  if (error instanceof Problem) return error;
  throw error;
}

let looking = new AbortController();
let timer = 0;

/** Ask for the state of the brain now, and again and again while the page can be seen. */
async function look() {
  clearTimeout(timer);
  looking.abort();
  if (document.hidden) return;
  const { signal } = (looking = new AbortController());
  const limit = AbortSignal.timeout(LOOK_LIMIT_MS);
  try {
    state.brain = await json("/api/brain", words(), { signal: AbortSignal.any([signal, limit]) });
    state.lookProblem = null;
  } catch (error) {
    if (signal.aborted) return; // somebody looks again, or nobody looks
    state.lookProblem = problemOf(error);
    if (state.lookProblem.isAboutKey && state.brain === null) wantKey();
  }
  changed();
  timer = setTimeout(look, LOOK_EVERY_MS);
}

/** Load or unload a model. */
async function move(name, action) {
  if (state.moving.has(name)) return;
  state.moving.set(name, action === "load" ? "loading" : "unloading");
  state.moveProblem = null;
  changed();
  try {
    await json(`/api/${action}`, words(), { body: { model: name } });
  } catch (error) {
    state.moveProblem = problemOf(error);
    if (state.moveProblem.isAboutKey) wantKey(() => move(name, action));
  } finally {
    state.moving.delete(name);
    changed();
  }
  await look();
}

function wantKey(again = null) {
  state.again = again;
  changed();
  requestAnimationFrame(() => $("key-field").focus());
}

/** Ask the chosen model; the answer grows in `state.asked`. */
async function send(question) {
  const stopper = new AbortController();
  const asked = { isOver: false, isStopped: false, text: "", thought: "", tokens: 0, isExact: false, problem: null };
  Object.assign(asked, { stop: () => stopper.abort(), began: performance.now(), first: null, last: null });
  state.asked = asked;
  changed();
  try {
    for await (const piece of ask(state.model, question, words(), stopper.signal)) {
      take(asked, piece);
      changed();
    }
  } catch (error) {
    asked.isStopped = stopper.signal.aborted;
    if (!asked.isStopped) asked.problem = problemOf(error);
    if (asked.problem?.isAboutKey) wantKey(() => send(question));
  } finally {
    asked.isOver = true;
    changed();
  }
}

/** Take in one piece of an answer. Until the server has counted, a piece counts as a token. */
function take(asked, { text = "", thought = "", tokens }) {
  if (tokens !== undefined) {
    asked.tokens = tokens;
    asked.isExact = true;
    return;
  }
  asked.text += text;
  asked.thought += thought;
  asked.tokens += 1;
  asked.last = performance.now();
  asked.first ??= asked.last;
}

/** Copy the text of an element; where the browser has no clipboard for us (plain http), by selecting it. */
async function copy(id) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText($(id).textContent);
  } else {
    getSelection().selectAllChildren($(id));
    document.execCommand("copy");
  }
  state.copied = id;
  changed();
  setTimeout(() => {
    state.copied = state.copied === id ? "" : state.copied;
    changed();
  }, COPIED_MS);
}

const isAsking = () => state.asked !== null && !state.asked.isOver;
const stop = () => isAsking() && state.asked.stop();

document.addEventListener("visibilitychange", look);
document.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (!button || button.ariaDisabled === "true") return;
  const { copies, language, model, action } = button.dataset;
  if (copies) copy(copies);
  if (action) move(model, action);
  if (language) {
    state.language = language;
    keepLanguage(language);
    changed();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
});
$("ask-text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("ask").requestSubmit();
});
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = $("ask-text").value.trim();
  if (question && !isAsking()) send(question);
});
$("ask-model").addEventListener("change", (event) => {
  state.model = event.target.value;
  changed();
});
$("stop").addEventListener("click", stop);
$("key").addEventListener("submit", (event) => {
  event.preventDefault();
  keepKey($("key-field").value.trim());
  $("key-field").value = "";
  const { again } = state;
  state.again = state.lookProblem = state.moveProblem = null;
  changed();
  look();
  again?.();
});

render(state, words());
look();
