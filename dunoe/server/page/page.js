/** The page: one state, drawn by `render`; what a person does and what the server says change it. */

import "./doing.js";
import "./typing.js";
import { drawAsk } from "./ask_view.js";
import { $, say, tell } from "./draw.js";
import { go, start } from "./going.js";
import { drawLibrary } from "./library_view.js";
import { drawModels } from "./models_view.js";
import { drawPanel } from "./panel_view.js";
import { drawPlan } from "./plan_view.js";
import { drawnBy, state, words } from "./state.js";

function render(state, words) {
  drawFrame(state, words);
  if (state.view === "ask") drawAsk(state, words);
  if (state.view === "library") drawLibrary(state, words);
  if (state.view === "models") {
    drawModels(state, words);
    drawPlan(state, words);
  }
  drawPanel(state, words);
  drawWords(state, words); // last: what was made from a template has words too
}

function drawFrame({ view, theme, language, refused, problem, lookProblem, confirm }, words) {
  document.documentElement.lang = language;
  document.documentElement.dataset.theme = theme;
  document.title = `${words[view]} · 두뇌 dunoe`;
  for (const name of ["ask", "library", "models"]) $(`${name}-view`).hidden = name !== view;
  for (const link of document.querySelectorAll("[data-view]")) link.ariaCurrent = link.dataset.view === view ? "page" : null;
  tell($("problem"), refused?.problem ?? problem ?? lookProblem);
  const isKeyNew = refused && $("key").hidden;
  $("key").hidden = !refused;
  if (isKeyNew) $("key-field").focus();
  if (confirm && !$("confirm").open) {
    say($("confirm-title"), confirm.title);
    say($("confirm-text"), confirm.text);
    say($("confirm-yes"), confirm.yes);
    $("confirm").returnValue = "";
    $("confirm").showModal();
  }
}

function drawWords({ language, copied }, words) {
  for (const element of document.querySelectorAll("[data-word]")) say(element, words[element.dataset.word]);
  for (const element of document.querySelectorAll("[data-label]")) element.ariaLabel = words[element.dataset.label];
  for (const element of document.querySelectorAll("[data-tip]")) element.title = element.ariaLabel = words[element.dataset.tip];
  for (const button of document.querySelectorAll("[data-language]")) button.hidden = button.dataset.language === language;
  for (const button of document.querySelectorAll("[data-copies]"))
    say(button, copied === button.dataset.copies ? words.copied : button.dataset.copies === "panel-file" ? words.copyPath : words.copy);
  for (const button of document.querySelectorAll("[data-do=copyCode]")) if (!button.isCopied) say(button, words.copy);
}

drawnBy(render);
go();
render(state, words());
start();
