/** What the buttons do: `data-do` names it. */

import { cited, retry, stop } from "./asking.js";
import { $, say } from "./draw.js";
import { label, readDocuments, removeFolder, stopSync, sync } from "./library.js";
import { move, stopTrying } from "./models.js";
import { closeDocument, drawMore, openDocument, openPassage } from "./panel.js";
import { choose, drop, readChoices } from "./scope.js";
import { changed, state, words } from "./state.js";
import { deleteTalk, exportTalk, listSessions, newTalk } from "./talks.js";
import { markdownOf } from "./turn_view.js";
import { judge } from "./verdicts.js";
import { keepLanguage } from "./words.js";

const COPIED_MS = 2000;

const turnOf = (button) => state.talk.turns.find(({ key }) => String(key) === button.closest(".turn").dataset.key);

const ACTIONS = {
  language: ({ dataset }) => {
    state.language = dataset.language;
    keepLanguage(dataset.language);
  },
  theme: () => {
    const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = state.theme || (isDark ? "dark" : "light");
    state.theme = now === "dark" ? "light" : "dark";
    localStorage.setItem("dunoe.theme", state.theme);
  },
  skip: (_, event) => {
    event.preventDefault();
    $("main").focus();
  },
  copy: ({ dataset }) => copy(dataset.copies, $(dataset.copies).textContent),
  copyCode: (button) => {
    button.isCopied = true;
    say(button, words().copied);
    setTimeout(() => {
      button.isCopied = false;
      changed();
    }, COPIED_MS);
    write(button.closest("figure").querySelector("code").textContent);
  },
  copyTurn: (button) => {
    const turn = turnOf(button);
    const text = button.dataset.copy === "copyMarkdown" ? markdownOf(turn, words()) : turn.text;
    copy(`${button.dataset.copy}-${turn.key}`, text);
  },
  retry: (button) => retry(turnOf(button)),
  judge: (button) => judge(turnOf(button), button.dataset.verdict),
  cite: (chip) => {
    const source = cited(turnOf(chip), Number(chip.dataset.number), Number(chip.dataset.nth));
    openDocument(source.document_id ?? source.file, { passage: source.passage_id, at: source, opener: chip });
  },
  source: (button) => {
    const source = turnOf(button).sources[[...button.closest("ol").children].indexOf(button.parentElement)];
    openDocument(source.document_id ?? source.file, { passage: source.passage_id, at: source, opener: button });
  },
  stop,
  newTalk: () => {
    state.sessions.isOpen = false;
    if (location.hash === "#/ask") newTalk();
    else location.hash = "#/ask";
    $("question").focus();
  },
  sessions: () => {
    state.sessions.isOpen = !state.sessions.isOpen;
    if (state.sessions.isOpen) listSessions();
  },
  moreSessions: () => listSessions({ more: true }),
  export: ({ dataset }) => exportTalk(state.talk.session, dataset.format),
  deleteTalk: ({ dataset }) => {
    const { deleteTitle: title, deleteText: text, deleteYes: yes } = words();
    state.confirm = { title, text, yes, act: () => deleteTalk(dataset.session) };
  },
  filters: () => {
    state.scope.isOpen = !state.scope.isOpen;
    if (state.scope.isOpen) readChoices();
  },
  without: () => {
    state.scope.usesDocuments = !state.scope.usesDocuments;
  },
  dropFilter: ({ dataset }) => drop(dataset.name, dataset.value),
  sync,
  stopSync,
  moreDocuments: () => readDocuments({ more: true }),
  openDocument: (button) => openDocument(button.dataset.id, { passage: button.dataset.passage, at: { start: button.dataset.start }, opener: button }),
  openPassage: ({ dataset }) => openPassage(dataset.passage),
  unlabel: ({ dataset }) => label(documentOf(dataset.id), dataset.value, "DELETE"),
  removeFolder: ({ dataset }) => {
    const { removeTitle: title, removeText, removeYes: yes } = words();
    state.confirm = { title, text: removeText(dataset.path), yes, act: () => removeFolder(dataset.path) };
  },
  closeDocument,
  more: ({ dataset }) => drawMore(dataset.side),
  askHere: () => {
    choose("file_path", state.panel.document.file_path);
    state.scope.usesDocuments = true;
    if (state.view === "ask") $("question").focus();
    else location.hash = "#/ask";
  },
  move: ({ dataset }) => move(dataset.model, dataset.move),
  stopTrying,
};

/** A document of the list that is shown. */
export const documentOf = (id) => state.library.documents.find((one) => one.id === id);

/** Put a text on the clipboard and say so where it was asked for. */
async function copy(name, text) {
  await write(text);
  state.copied = name;
  changed();
  setTimeout(() => {
    state.copied = state.copied === name ? "" : state.copied;
    changed();
  }, COPIED_MS);
}

/** Where the browser has no clipboard for us (plain http), a selection is copied. */
async function write(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (!button || button.ariaDisabled === "true") return;
  ACTIONS[button.dataset.do](button, event);
  changed();
});
