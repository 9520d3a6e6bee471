/** One question and its answer as a person sees them. */

import { cited, numberOf } from "./asking.js";
import { each, say, sayOrHide, tell, tellHint } from "./draw.js";
import { speed } from "./models_view.js";
import { drawProse } from "./prose.js";
import { keptAs, verdictOf } from "./verdicts.js";
import { moment, nameOf, place } from "./words.js";

/** Draw a turn of the open conversation. */
export function drawTurn(element, turn, state, words) {
  const find = (selector) => element.querySelector(selector);
  element.ariaBusy = String(!turn.isOver); // a screen reader waits for the whole answer
  say(find(".question"), turn.question);
  const isSilent = !turn.isOver && turn.text === "";
  sayOrHide(find(".status"), isSilent ? words.phases[phaseOf(turn, state)] ?? words.phases.waiting : "");
  find(".thought").hidden = turn.thought === "";
  say(find(".thought-text"), turn.thought);
  drawFeedback(find(".notice"), turn.feedback, words);
  drawAnswer(find(".prose"), turn, words);
  tell(find(".problem"), turn.problem);
  drawRemarks(find(".remarks"), turn, words);
  drawSources(find(".sources"), turn, words);
  find(".foot").hidden = !turn.isOver;
  const facts = [moment(state.language, turn.at), turn.model, speed(turn, words)];
  say(find(".facts"), facts.filter(Boolean).join(" · "));
  drawActions(element, turn, state, words);
}

/** What is waited for: before the first word, and with a model on its way to the card, that model. */
function phaseOf({ phase }, { brain }) {
  const isLoading = brain?.models.some(({ state }) => state === "loading");
  return isLoading && phase !== "writing" ? "loading" : phase;
}

function drawAnswer(prose, turn, words) {
  prose.hidden = turn.text === "";
  prose.classList.toggle("growing", !turn.isOver);
  drawProse(prose, turn.text, new Set(turn.sources.map(numberOf)));
  const seen = new Map();
  for (const chip of prose.querySelectorAll(".cite")) {
    const number = Number(chip.dataset.number);
    const nth = seen.get(number) ?? 0;
    seen.set(number, nth + 1);
    chip.dataset.nth = nth;
    const target = cited(turn, number, nth);
    chip.title = [nameOf(target.file), place(words, target)].filter(Boolean).join(" · ");
    chip.ariaLabel = `${words.source} ${number}: ${chip.title}`;
  }
}

/** Why no model answered, in two lines. */
function drawFeedback(notice, feedback, words) {
  notice.hidden = !feedback;
  if (!feedback) return;
  say(notice.querySelector(".message"), feedback.message || words.noAnswerer);
  tellHint(notice.querySelector(".hint"), feedback.detail ?? feedback.hint ?? "");
}

function drawRemarks(list, turn, words) {
  const { end } = turn;
  const searched = end.question_searched;
  const remarks = [
    searched && searched !== turn.question && words.searchedAs(searched),
    end.citations_removed > 0 && words.removed(end.citations_removed),
    end.dropped?.length > 0 && words.dropped(end.dropped.length, [...new Set(end.dropped.map(({ file }) => nameOf(file)))].join(", ")),
    ...(end.warnings ?? []).map((warning) => (typeof warning === "string" ? warning : warning.message)),
    end.finish_reason === "length" && words.cutOff,
    turn.isStopped && words.stoppedKept,
    turn.isOver && !turn.usesDocuments && words.withoutDocuments,
  ].filter(Boolean);
  list.hidden = remarks.length === 0;
  each(list, "badge", remarks, (_, row) => row, say);
}

function drawSources(box, turn, words) {
  box.hidden = turn.sources.length === 0;
  if (turn.isOver && !box.dataset.shown) box.open = box.dataset.shown = true; // before, they would push the text away
  say(box.querySelector("summary"), (turn.end.is_refusal ? words.nearest : words.sources)(turn.sources.length));
  const used = new Set(turn.citations.map(({ number }) => number));
  each(box.querySelector("ol"), "source", turn.sources, numberOf, (row, source, at) => {
    const number = numberOf(source, at);
    const button = row.querySelector("button");
    button.dataset.number = number;
    row.classList.toggle("used", used.has(number));
    say(row.querySelector(".number"), String(number));
    say(row.querySelector(".name"), source.title || nameOf(source.file) || words.unnamed);
    const where = [source.title ? nameOf(source.file) : "", (source.heading ?? []).join(" › "), place(words, source)];
    sayOrHide(row.querySelector(".where"), where.filter(Boolean).join(" · "));
    say(row.querySelector(".score"), `${(source.score * 100).toFixed(0)}%`);
    row.querySelector(".score").title = words.score;
    sayOrHide(row.querySelector(".quote"), source.snippet);
    sayOrHide(row.querySelector(".flag"), source.flags?.length > 0 ? words.flagged : "");
  });
}

function drawActions(element, turn, state, words) {
  const verdict = verdictOf(turn);
  for (const button of element.querySelectorAll("[data-verdict]")) {
    button.ariaPressed = String(button.dataset.verdict === verdict);
    button.hidden = keptAs(turn) === null;
    button.title = words[button.dataset.verdict];
    button.ariaLabel = words[button.dataset.verdict];
  }
  for (const button of element.querySelectorAll("[data-copy]")) {
    button.hidden = turn.text === "";
    const isCopied = state.copied === `${button.dataset.copy}-${turn.key}`;
    say(button.querySelector("span"), isCopied ? words.copied : words[button.dataset.copy]);
  }
  say(element.querySelector("[data-do=retry] span"), words.retry);
}

/** An answer to take along: the question, the answer, and where it comes from. */
export function markdownOf(turn, words) {
  const sources = turn.sources.map((source, at) => {
    const where = [source.file, (source.heading ?? []).join(" › "), place(words, source)].filter(Boolean);
    return `- [${numberOf(source, at)}] ${where.join(" · ")}`;
  });
  const listed = sources.length > 0 ? `\n\n**${words.sourcesTitle}**\n\n${sources.join("\n")}` : "";
  return `## ${turn.question}\n\n${turn.text}${listed}\n`;
}
