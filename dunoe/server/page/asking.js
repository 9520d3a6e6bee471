/** Asking: a question goes out, its answer grows in a turn of the open conversation. */

import { changed, problemOf, refuse, state } from "./state.js";
import { cutShort, Problem, said, stream } from "./server.js";
import { begin, listSessions, newTurn } from "./talks.js";

const ANSWER_TOKENS = 2000;

/** The turn that is being answered in the open conversation, if any. */
export const running = () => state.talk?.turns.find((turn) => !turn.isOver);

/** Ask in the open conversation. */
export async function send(question) {
  const { talk, scope } = state;
  const turn = newTurn(question);
  turn.usesDocuments = scope.usesDocuments;
  turn.phase = firstPhase(talk, scope);
  talk.turns.push(turn);
  begin(talk);
  await answer(talk, turn, bodyOf(question, talk, scope));
  listSessions();
}

/** Ask again. What never became an answer is replaced by the new try. */
export function retry(turn) {
  const { talk } = state;
  if (running()) return;
  if (turn.problem || turn.isStopped) talk.turns = talk.turns.filter((other) => other !== turn);
  send(turn.question);
}

/** Stop what is being answered. */
export const stop = () => running()?.stop();

/** What the server does first: a question that follows another is made to stand alone. */
function firstPhase({ turns }, { usesDocuments }) {
  if (!usesDocuments) return "waiting";
  return turns.length > 0 ? "rewriting" : "searching";
}

function bodyOf(question, talk, scope) {
  const body = {
    question,
    session_id: talk.session,
    language: state.language,
    max_tokens: ANSWER_TOKENS,
    context_enabled: scope.usesDocuments,
    search_mode: "hybrid",
  };
  if (scope.role) body.role = scope.role;
  if (scope.usesDocuments && Object.keys(scope.filters).length > 0) body.filters = scope.filters;
  if (scope.usesDocuments && scope.isMasked) body.mask = true;
  return body;
}

async function answer(talk, turn, body) {
  const stopper = new AbortController();
  turn.stop = () => stopper.abort();
  changed();
  try {
    for await (const event of stream("/api/ask/stream", { body, signal: stopper.signal })) {
      take(turn, event);
      changed();
      if (turn.isOver) return;
    }
    throw cutShort();
  } catch (error) {
    turn.isStopped = stopper.signal.aborted;
    if (!turn.isStopped) turn.problem = problemOf(error);
    refuse(turn.problem, () => state.talk === talk && retry(turn));
  } finally {
    turn.isOver = true;
    turn.at = new Date().toISOString();
    changed();
  }
}

/** Take in one event. Until the server has counted, a piece counts as a token. */
function take(turn, { type, content, ...more }) {
  switch (type) {
    case "status":
      turn.phase = content;
      break;
    case "sources":
      turn.sources = content;
      turn.phase = "waiting";
      break;
    case "thought":
      turn.thought += content;
      note(turn);
      break;
    case "chunk":
      turn.text += content;
      note(turn);
      break;
    case "citation":
      turn.citations.push(content);
      break;
    case "ollama_feedback":
      turn.feedback = content;
      break;
    case "error":
      throw new Problem(said(content) ?? { message: String(content) });
    case "done":
      finish(turn, more);
      break;
    default: // a newer server may say more
  }
}

function note(turn) {
  turn.phase = "writing";
  turn.tokens += 1;
  turn.last = performance.now();
  turn.first ??= turn.last;
}

function finish(turn, end) {
  turn.isOver = true;
  turn.end = end;
  turn.model = end.model_used ?? turn.model;
  turn.feedback ??= end.ollama_feedback ?? (end.error ? said(end.error) : null);
  if (end.citations?.length) turn.citations = end.citations;
  if (end.usage?.completion_tokens) {
    turn.tokens = end.usage.completion_tokens;
    turn.isExact = true;
  }
}

/** The source or the checked citation behind the `nth` marker with this number in an answer. */
export function cited(turn, number, nth) {
  const same = turn.citations.filter((citation) => citation.number === number);
  return same[nth] ?? same.at(-1) ?? turn.sources.find((source, place) => numberOf(source, place) === number);
}

/** The number that an answer cites a source by. */
export const numberOf = (source, place) => source.number ?? place + 1;
