/** Conversations: one is open, some are still being answered, the rest are kept by the server. */

import { attempt, changed, state } from "./state.js";
import { json, query, request } from "./server.js";

const SESSIONS_SHOWN = 50;
const TURNS_SHOWN = 200;

const talks = new Map(); // session -> talk, as long as the page lives
let lastKey = 0;

/** A name for a session, as hard to guess as a key. (crypto.randomUUID is not there on plain http.) */
function newSession() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const talkOf = (session, isNew) => ({ session, isNew, title: "", turns: [], isLoading: false, problem: null });

/** A question and what became of it. */
export function newTurn(question) {
  lastKey += 1;
  return {
    key: lastKey,
    question,
    usesDocuments: true,
    isOver: false,
    isStopped: false,
    phase: "searching", // rewriting, searching, waiting, writing
    text: "",
    thought: "",
    sources: [],
    citations: [],
    feedback: null, // why no model answered
    problem: null,
    end: {}, // what the last event said: usage, dropped, is_refusal, …
    model: "",
    tokens: 0,
    isExact: false,
    began: performance.now(),
    first: null,
    last: null,
    at: null,
    stop: () => {},
  };
}

/** Begin an empty conversation. */
export function newTalk() {
  state.talk = talkOf(newSession(), true);
  state.panel = null;
  changed();
}

/** Open a conversation: what this page remembers of it, else what the server kept. */
export async function openTalk(session) {
  if (state.talk?.session === session) return;
  state.panel = null;
  state.talk = talks.get(session) ?? talkOf(session, false);
  const { talk } = state;
  changed();
  if (talks.has(session)) return;
  talk.isLoading = true;
  await attempt(async () => {
    const found = await json(query("/api/conversations", { session_id: session, limit: TURNS_SHOWN }));
    talk.turns = found.reverse().map(kept);
    talk.title = found.at(-1)?.title ?? "";
    if (found.length > 0) talks.set(session, talk);
  }, (problem) => (talk.problem = problem));
  talk.isLoading = false;
  changed();
}

/** A turn as the server kept it. */
function kept({ id, question, answer, sources, citations, model_used, verdict, created_at }) {
  const turn = newTurn(question);
  return Object.assign(turn, {
    isOver: true,
    text: answer,
    sources: sources ?? [],
    citations: citations ?? [],
    model: model_used ?? "",
    verdict,
    id,
    at: created_at,
  });
}

/** Keep a conversation that has begun, so that leaving it does not end it. */
export function begin(talk) {
  talk.isNew = false;
  talks.set(talk.session, talk);
  history.replaceState(null, "", `#/ask/${talk.session}`);
}

/** Read the list of sessions again: all of them, or those where the words were said. */
export async function listSessions({ more = false } = {}) {
  const { sessions } = state;
  const asked = sessions.query.trim();
  await attempt(async () => {
    const found = asked ? await findSessions(asked) : await someSessions(more ? sessions.list.length : 0);
    if (asked !== sessions.query.trim()) return; // somebody typed on
    sessions.hasMore = !asked && found.length === SESSIONS_SHOWN;
    sessions.list = more ? [...sessions.list, ...found] : found;
    const open = sessions.list.find((one) => one.session === state.talk?.session);
    if (open) state.talk.title = open.title;
  }, (problem) => (sessions.problem = problem));
}

async function someSessions(offset) {
  const found = await json(query("/api/conversations/sessions", { limit: SESSIONS_SHOWN, offset }));
  return found.map(({ session_id, title, updated_at }) => ({ session: session_id, title, at: updated_at, said: "" }));
}

async function findSessions(asked) {
  const { results } = await json(query("/api/conversations/search", { q: asked, limit: 100 }));
  const found = new Map();
  for (const { session_id, title, question, created_at } of results)
    if (!found.has(session_id))
      found.set(session_id, { session: session_id, title, at: created_at, said: question === title ? "" : question });
  return [...found.values()];
}

/** Delete a conversation, here and on the server. */
export async function deleteTalk(session) {
  await attempt(async () => {
    await json(query("/api/conversations", { session_id: session }), { method: "DELETE" });
    talks.get(session)?.turns.forEach((turn) => turn.stop());
    talks.delete(session);
    if (state.talk?.session === session) location.hash = "#/ask";
    await listSessions();
  });
}

/** Save a conversation as a file. The key goes in a header, so a plain link would not do. */
export async function exportTalk(session, format) {
  await attempt(async () => {
    const response = await request(query("/api/conversations/export", { session_id: session, format }));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = `dunoe-${session.slice(0, 8)}.${format === "json" ? "json" : "md"}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
}
