/** The models: who is loaded, loading and unloading, and trying one without any document. */

import { attempt, changed, problemOf, refuse, state } from "./state.js";
import { cutShort, json, Problem, said, stream } from "./server.js";

const LOOK_EVERY_MS = 2000;
const LOOK_LIMIT_MS = 20000;

let looking = new AbortController();
let timer = 0;

/** Ask for the state of the brain now, and again and again while the page can be seen. */
export async function look() {
  clearTimeout(timer);
  looking.abort();
  if (document.hidden) return;
  const { signal } = (looking = new AbortController());
  const limit = AbortSignal.timeout(LOOK_LIMIT_MS);
  try {
    state.brain = await json("/api/brain", { signal: AbortSignal.any([signal, limit]) });
    state.lookProblem = null;
  } catch (error) {
    if (signal.aborted) return; // somebody looks again, or nobody looks
    const problem = problemOf(error);
    const isKnown = state.brain === null && refuse(problem);
    state.lookProblem = isKnown ? null : problem;
  }
  changed();
  timer = setTimeout(look, LOOK_EVERY_MS);
}

/** Load or unload a model: action is "load" or "unload". */
export async function move(name, action) {
  if (state.moving.has(name)) return;
  await attempt(async () => {
    state.moving.set(name, `${action}ing`);
    changed();
    try {
      await json(`/api/${action}`, { body: { model: name } });
    } finally {
      state.moving.delete(name);
    }
  });
  await look();
}

export const isTrying = () => state.asked !== null && !state.asked.isOver;
export const stopTrying = () => isTrying() && state.asked.stop();

/** Ask the chosen model; the answer grows in `state.asked`. */
export async function tryOut(question) {
  const stopper = new AbortController();
  const asked = { isOver: false, isStopped: false, text: "", thought: "", tokens: 0, isExact: false, problem: null };
  Object.assign(asked, { stop: () => stopper.abort(), began: performance.now(), first: null, last: null });
  state.asked = asked;
  changed();
  try {
    for await (const piece of pieces(state.model, question, stopper.signal)) {
      take(asked, piece);
      changed();
    }
  } catch (error) {
    asked.isStopped = stopper.signal.aborted;
    if (!asked.isStopped) asked.problem = problemOf(error);
    refuse(asked.problem, () => tryOut(question));
  } finally {
    asked.isOver = true;
    changed();
  }
}

/** Yields {text}, {thought} and, last, {tokens} of one answer; throws Problem when it is not whole. */
async function* pieces(model, question, signal) {
  const messages = [{ role: "user", content: question }];
  const body = { model, messages, stream: true, stream_options: { include_usage: true } };
  let isWhole = false;
  for await (const { error, choices = [], usage } of stream("/v1/chat/completions", { body, signal })) {
    if (error) throw new Problem(said({ error }));
    const { delta = {}, finish_reason: reason } = choices[0] ?? {};
    if (delta.content) yield { text: delta.content };
    if (delta.reasoning_content) yield { thought: delta.reasoning_content };
    isWhole ||= Boolean(reason);
    if (usage) yield { tokens: usage.completion_tokens };
  }
  if (!isWhole) throw cutShort();
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
