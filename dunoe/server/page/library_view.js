/** The library as a person sees it: folders, how far a sync is, what could not be read, the documents. */

import { $, each, options, say, sayOrHide, tell } from "./draw.js";
import { isBusy, isOwing } from "./library.js";
import { choicesOf } from "./scope.js";
import { count, duration, moment, nameOf, place, size } from "./words.js";

/** Draw the view of the library. */
export function drawLibrary({ library, scope, language }, words) {
  const { said } = library;
  tell($("library-problem"), library.problem);
  $("library-loading").hidden = said !== null || library.problem !== null;
  $("library-body").hidden = said === null;
  if (said === null) return;
  drawSummary(library, words);
  drawProgress(library, words);
  drawFolders(said.folders, words);
  drawFailures(library.failures, said.failures, language, words);
  drawDocuments(library, choicesOf("kinds", scope.choices), language, words);
  drawHits(library.hits, words);
}

function drawSummary({ said, progress }, words) {
  const amounts = [words.documentCount(count(said.documents)), words.passageCount(count(said.passages)), size(said.size ?? 0)];
  say($("library-amounts"), amounts.join(" · "));
  const model = said.embedding_model;
  say($("library-model"), model ? words.foundBy(model) : words.foundByWords);
  sayOrHide($("library-watching"), said.is_watching ? words.watching : "");
  sayOrHide($("library-owing"), progress?.owing && !isBusy() ? progress.owing.replace("\n", " ") : "");
  $("sync").hidden = isBusy() || said.folders.length === 0;
  $("sync-stop").hidden = !isBusy();
  $("library-empty").hidden = said.folders.length > 0 || said.documents > 0 || isBusy();
}

function drawProgress({ progress }, words) {
  $("progress").hidden = !isBusy() && !isOwing();
  if ($("progress").hidden) return;
  const { failures } = progress;
  const { phase, done, total } = isBusy() ? progress : { phase: "embedding", ...progress.owed };
  say($("progress-phase"), words.syncPhases[phase] ?? words.syncPhases.reading);
  const bar = $("progress-bar");
  if (total > 0) [bar.max, bar.value] = [total, done];
  else bar.removeAttribute("value");
  const facts = [
    total > 0 ? words[phase === "embedding" ? "passagesOf" : "filesOf"](count(done), count(total)) : "",
    isBusy() && progress.files_per_s > 0 ? words.filesPerSecond(progress.files_per_s.toFixed(progress.files_per_s < 10 ? 1 : 0)) : "",
    typeof progress.seconds_left === "number" ? words.timeLeft(duration(words, Math.ceil(progress.seconds_left))) : "",
    failures > 0 ? words.failed(count(failures)) : "",
  ];
  say($("progress-facts"), facts.filter(Boolean).join(" · "));
  say($("progress-current"), progress.current ?? "");
}

function drawFolders(folders, words) {
  each($("folder-list"), "folder", folders, (one) => one.path, (row, one) => {
    say(row.querySelector(".path"), one.path);
    const facts = [words.documentCount(count(one.documents))];
    if (one.is_there === false) facts.push(one.said || words.folderGone);
    if (one.source === "settings") facts.push(words.fromSettings);
    say(row.querySelector(".aside"), facts.join(" · "));
    row.classList.toggle("gone", one.is_there === false);
    const button = row.querySelector("button");
    button.hidden = one.source === "settings";
    Object.assign(button.dataset, { path: one.path });
    say(button, words.removeFolder);
    button.ariaLabel = `${words.removeFolder}: ${one.path}`;
  });
  $("folder-path").placeholder = words.folderExample;
}

function drawFailures(failures, all, language, words) {
  $("failures").hidden = failures.length === 0;
  say($("failures-title"), words.failures(count(Math.max(all ?? 0, failures.length))));
  each($("failure-list"), "failure", failures, (one) => one.path, (row, one) => {
    say(row.querySelector(".name"), nameOf(one.path));
    say(row.querySelector(".path"), one.path);
    tell(row, one);
    say(row.querySelector(".when"), moment(language, one.at));
  });
}

function drawDocuments(library, kinds, language, words) {
  const { documents, said } = library;
  $("documents").hidden = said.documents === 0;
  $("document-words").placeholder = words.findDocument;
  options($("document-kind"), [["", words.anyKind], ...kinds], library.kind);
  each($("document-list"), "document", documents, (one) => one.id, (row, one) => drawDocument(row, one, language, words));
  $("document-none").hidden = documents.length > 0 || library.isLoading;
  $("document-more").hidden = !library.hasMore;
}

function drawDocument(row, one, language, words) {
  const link = row.querySelector(".name");
  say(link, one.title || one.name);
  link.dataset.id = one.id;
  say(row.querySelector(".path"), one.file_path);
  const facts = [one.type, size(one.size ?? 0), moment(language, one.modified)];
  say(row.querySelector(".aside"), facts.filter(Boolean).join(" · "));
  each(row.querySelector(".labels"), "chip", one.labels ?? [], (name) => name, (chip, name) => {
    say(chip.querySelector(".name"), name);
    const button = chip.querySelector("button");
    Object.assign(button.dataset, { do: "unlabel", id: one.id, value: name });
    button.ariaLabel = `${words.dropLabel}: ${name}`;
  });
  const field = row.querySelector("input");
  field.dataset.id = one.id;
  field.placeholder = words.addLabel;
  field.ariaLabel = `${words.addLabel}: ${one.title || one.name}`;
}

function drawHits(hits, words) {
  $("hits").hidden = hits === null;
  if (hits === null) return;
  $("hit-none").hidden = hits.length > 0;
  each($("hit-list"), "hit", hits, (one) => one.passage_id, (row, one) => {
    const button = row.querySelector("button");
    Object.assign(button.dataset, { id: one.document_id, passage: one.passage_id, start: one.start });
    say(button, one.title || nameOf(one.file));
    const where = [(one.heading ?? []).join(" › "), place(words, one)].filter(Boolean).join(" · ");
    sayOrHide(row.querySelector(".where"), where);
    drawSnippet(row.querySelector(".quote"), one.highlighted_snippet ?? one.snippet ?? "");
  });
}

/** A snippet; what stands between « and » is what matched. */
function drawSnippet(element, text) {
  if (element.said === text) return;
  element.said = text;
  const parts = text.split(/[«»]/).map((part, at) => {
    if (at % 2 === 0) return part;
    const mark = document.createElement("mark");
    mark.textContent = part;
    return mark;
  });
  element.replaceChildren(...parts);
}
