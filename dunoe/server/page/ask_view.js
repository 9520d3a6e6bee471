/** The view to ask in: the sessions, the open conversation, the field to write in. */

import { running } from "./asking.js";
import { $, each, options, say, sayOrHide, tell } from "./draw.js";
import { isBusy } from "./library.js";
import { choicesOf, chosen, LISTS, SINGLES } from "./scope.js";
import { drawTurn } from "./turn_view.js";
import { count, moment } from "./words.js";

const NEAR_END = 80; // pixels

/** Draw the view to ask in. */
export function drawAsk(state, words) {
  drawSessions(state, words);
  drawTalk(state, words);
  drawScope(state, words);
  const isBusy = running() !== undefined;
  $("send").hidden = isBusy;
  $("stop").hidden = !isBusy;
  $("question").placeholder = words.askPlaceholder;
}

function drawSessions({ sessions, talk, language }, words) {
  const box = $("sessions");
  box.classList.toggle("open", sessions.isOpen);
  $("shade").hidden = !sessions.isOpen;
  $("session-words").placeholder = words.findSession;
  tell($("session-problem"), sessions.problem);
  each($("session-list"), "session", sessions.list, (one) => one.session, (row, one) => {
    const link = row.querySelector("a");
    link.href = `#/ask/${one.session}`;
    link.ariaCurrent = one.session === talk?.session ? "page" : null;
    say(row.querySelector(".name"), one.title || words.untitled);
    sayOrHide(row.querySelector(".said"), one.said);
    say(row.querySelector(".when"), moment(language, one.at));
    const button = row.querySelector("button");
    button.dataset.session = one.session;
    button.ariaLabel = `${words.deleteSession}: ${one.title}`;
    button.title = words.deleteSession;
  });
  $("session-none").hidden = sessions.list.length > 0 || sessions.problem !== null;
  say($("session-none"), sessions.query ? words.noneFound : words.noSession);
  $("session-more").hidden = !sessions.hasMore;
}

let drawn = ""; // which turns stand there

function drawTalk(state, words) {
  const { talk } = state;
  if (talk === null) return;
  const scroll = $("talk-scroll");
  const standing = `${talk.session} ${talk.turns.length}`;
  const isAtEnd = drawn !== standing || (running() && scroll.scrollTop + scroll.clientHeight >= scroll.scrollHeight - NEAR_END);
  const hasTurns = talk.turns.length > 0;
  say($("talk-title"), talk.title || talk.turns[0]?.question || words.newSession);
  $("talk-tools").hidden = !hasTurns;
  $("talk-loading").hidden = !talk.isLoading;
  tell($("talk-problem"), talk.problem);
  each($("turns"), "turn", talk.turns, (turn) => turn.key, (element, turn) => drawTurn(element, turn, state, words));
  $("welcome").hidden = hasTurns || talk.isLoading || talk.problem !== null;
  drawWelcome(state, words);
  if (isAtEnd && hasTurns) scroll.scrollTop = scroll.scrollHeight;
  drawn = standing;
}

function drawWelcome({ library }, words) {
  const documents = library.said?.documents;
  const isEmpty = documents === 0;
  say($("welcome-text"), isEmpty ? words.welcomeEmpty : documents ? words.welcome(count(documents)) : words.welcomePlain);
  $("welcome-library").hidden = !isEmpty;
}

function drawScope({ scope, brain }, words) {
  const { filters, choices } = scope;
  $("without").ariaPressed = String(!scope.usesDocuments);
  $("filter").ariaExpanded = String(scope.isOpen);
  $("filter").ariaDisabled = String(!scope.usesDocuments);
  $("filters").hidden = !scope.isOpen || !scope.usesDocuments;
  const roles = [...new Set((brain?.models ?? []).filter((model) => model.mode === "chat").flatMap((model) => model.roles))];
  $("role").hidden = roles.length < 2;
  options($("role"), [["", words.anyRole], ...roles.map((role) => [role, words.roles[role] ?? role])], scope.role);
  for (const name of LISTS) drawChoice(name, choicesOf(name, choices), words);
  for (const name of SINGLES) {
    const field = $(`filter-${name}`);
    if (document.activeElement !== field) field.value = filters[name] ?? "";
  }
  $("mask").checked = scope.isMasked;
  const set = scope.usesDocuments ? chosen(filters) : [];
  $("chips").hidden = set.length === 0;
  each($("chips"), "chip", set, ([name, value]) => `${name} ${value}`, (chip, [name, value]) => {
    const names = new Map(choicesOf(name, choices));
    say(chip.querySelector(".name"), `${words.filters[name]}: ${names.get(value) ?? value}`);
    const button = chip.querySelector("button");
    Object.assign(button.dataset, { name, value });
    button.ariaLabel = `${words.dropFilter}: ${value}`;
  });
  say($("composer-hint"), isBusy() && scope.usesDocuments ? words.stillReading : words.sendKeys);
}

function drawChoice(name, choices, words) {
  const field = $(`filter-${name}`);
  field.parentElement.hidden = choices.length === 0;
  options(field, [["", words.choose], ...choices], "");
}
