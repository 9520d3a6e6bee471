/** The library: which folders are read, how far a sync is, what became of the files. */

import { readChoices } from "./scope.js";
import { json, Problem, query, said, stream } from "./server.js";
import { attempt, changed, state } from "./state.js";

const DOCUMENTS_SHOWN = 100;
const FAILURES_SHOWN = 200;
const { library } = state;
let isFollowing = false; // a sync that somebody else began
const tell = (problem) => (library.problem = problem);

/** Files are being read, whoever began it. */
export const isBusy = () => library.isSyncing || library.progress?.is_running === true;

/** Passages wait for their vectors: after a change of the embedding model, or while it could not be had. */
export const isOwing = () => library.progress?.owed?.total > 0;

/** Look at the library, and follow a sync that runs. A problem is told by `models.look`, which looks more often. */
export async function lookAtLibrary() {
  await attempt(async () => {
    take(await json("/api/library"));
    if ((isBusy() && !library.isSyncing) || isOwing()) follow();
  }, () => {});
}

/** Look at everything that the view shows. */
export async function readLibrary() {
  await Promise.all([lookAtLibrary(), readFailures(), readDocuments(), readChoices()]);
}

function take(said) {
  library.said = said;
  if (!library.isSyncing && !isFollowing) library.progress = said.progress;
}

async function readFailures() {
  await attempt(async () => {
    library.failures = await json(query("/api/library/errors", { limit: FAILURES_SHOWN }));
  }, tell);
}

let reading = new AbortController();

/** Read the list of documents, or its next piece. */
export async function readDocuments({ more = false } = {}) {
  reading.abort();
  const { signal } = (reading = new AbortController());
  const old = more ? library.documents : [];
  const wanted = { limit: DOCUMENTS_SHOWN, offset: old.length, q: library.query.trim(), kind: library.kind };
  library.isLoading = true;
  await attempt(async () => {
    const found = await json(query("/api/documents", wanted), { signal });
    library.hasMore = found.length === DOCUMENTS_SHOWN;
    library.documents = [...old, ...found];
  }, tell);
  if (!signal.aborted) library.isLoading = false;
  changed();
}

/** Find places inside the documents. */
export async function searchInside() {
  const asked = library.query.trim();
  library.hits = null;
  changed();
  if (!asked) return;
  await attempt(async () => {
    const { results } = await json(query("/api/search", { q: asked, limit: 10, kind: library.kind, search_mode: "hybrid" }));
    if (asked === library.query.trim()) library.hits = results;
  }, tell);
}

/** Read what has changed in the folders. */
export async function sync() {
  if (!library.isSyncing) await attempt(begin, tell);
}

async function begin() {
  library.isSyncing = true;
  library.progress = { phase: "scanning", is_running: true, done: 0, total: 0 };
  await watch("/api/library/sync", { body: { stream: true } });
}

async function follow() {
  if (isFollowing) return;
  isFollowing = true;
  await attempt(() => watch("/api/library/progress"), tell);
  isFollowing = false;
}

/** Follow a stream of progress to its end, then look at what became of it. */
async function watch(path, options) {
  try {
    for await (const line of stream(path, options)) {
      if (!line.phase) throw new Problem(said(line) ?? { message: JSON.stringify(line) });
      library.progress = line;
      changed();
    }
  } finally {
    library.isSyncing = false;
    await readLibrary();
  }
  if (library.progress.problem) throw new Problem(said(library.progress.problem));
}

/** Stop the sync; what was read stays. */
export const stopSync = () => attempt(() => json("/api/library/sync", { method: "DELETE" }), tell);

/** Read a folder from now on. True when the server took it. */
export async function addFolder(path) {
  let isIn = false;
  await attempt(async () => {
    take(await json("/api/library/folders", { body: { path } }));
    isIn = true;
    sync();
  }, tell);
  return isIn;
}

/** Read a folder no more; its documents leave the library, its files stay. */
export async function removeFolder(path) {
  await attempt(async () => {
    take(await json("/api/library/folders", { method: "DELETE", body: { path } }));
    await readLibrary();
  }, tell);
}

/** Put a label on a document, or take it off. */
export async function label(document, name, method) {
  await attempt(async () => {
    const path = `/api/documents/${encodeURIComponent(document.id)}/labels`;
    const { labels } = await json(path, { method, body: { label: name } });
    document.labels = labels;
    if (state.panel?.document?.id === document.id) state.panel.document.labels = labels;
  }, tell);
}
