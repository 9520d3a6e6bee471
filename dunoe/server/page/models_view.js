/** The models as a person sees them: memory, who is in it, one to try, and how to connect. */

import { $, each, options, say, tell } from "./draw.js";
import { count, duration, size } from "./words.js";

const HUES = 6;
const SEATS_DRAWN = 16;
const BOUNDLESS = Number.MAX_SAFE_INTEGER; // a budget that nobody told

/** Draw the view of the models. */
export function drawModels(state, words) {
  const { brain } = state;
  if (brain === null) return;
  const models = brain.models.map((model, row) => seen(model, row, state));
  const talkers = models.filter((model) => model.mode === "chat");
  if (!talkers.some((model) => model.name === state.model)) state.model = preferred(talkers)?.name ?? "";
  say($("version"), brain.version);
  say($("uptime"), `· ${words.up} ${duration(words, brain.up_s)}`);
  $("first").hidden = models.length > 0;
  say($("first-command"), `dunoe models pull ${brain.first_model}`);
  $("models").hidden = models.length === 0;
  drawMemories(brain.cards, models, words);
  each($("model-list"), "model", models, (one) => one.name, (card, model) => drawModel(card, model, words));
  $("try").hidden = talkers.length === 0;
  drawTry(state, talkers, words);
  $("connect").hidden = false;
  drawSnippets(brain, state.model || "MODEL");
}

/** A model with what only this page knows: its colour, and what was asked for a moment ago. */
function seen(model, row, state) {
  const shown = model.card === null ? "elsewhere" : (state.moving.get(model.name) ?? model.state);
  return { ...model, hue: row % HUES, shown };
}

const preferred = (models) => models.find((model) => model.roles.includes("brain")) ?? models[0];

function drawMemories(cards, models, words) {
  const used = Object.entries(cards).filter(([name]) => models.some((model) => model.card === name));
  each($("memories"), "memory", used, ([name]) => name, (drawn, [name, { budget, taken }]) => {
    const on = models.filter((model) => model.card === name && model.state !== "absent");
    const has = budget < BOUNDLESS;
    say(drawn.querySelector("h3"), `${words.memory} · ${name === "card" ? words.here : name}`);
    say(drawn.querySelector(".amount"), has ? words.of(size(taken), size(budget)) : size(taken));
    const bar = drawn.querySelector(".bar");
    bar.hidden = !has;
    bar.ariaLabel = drawn.querySelector(".amount").textContent;
    each(bar, "segment", on, (model) => model.name, (segment, model) => {
      segment.className = `hue-${model.hue} ${model.shown}`;
      segment.style.width = `${(100 * model.footprint) / Math.max(budget, taken)}%`;
    });
    each(drawn.querySelector(".legend"), "legend", on, (model) => model.name, (row, model) => {
      row.querySelector(".swatch").className = `swatch hue-${model.hue}`;
      say(row.querySelector(".name"), model.name);
      say(row.querySelector(".aside"), size(model.footprint));
    });
  });
}

function drawModel(card, model, words) {
  card.className = `model ${model.shown}`;
  say(card.querySelector("h3"), model.name);
  say(card.querySelector(".state"), words[model.shown]);
  each(card.querySelector(".roles"), "badge", model.roles, (role) => role, say);
  const facts = [model.engine, words[model.mode], model.footprint > 0 ? size(model.footprint) : ""];
  say(card.querySelector(".facts"), facts.filter(Boolean).join(" · "));
  const seats = model.slots <= SEATS_DRAWN ? [...Array(model.slots).keys()] : [];
  each(card.querySelector(".seats"), "segment", seats, String, (seat, number) => {
    seat.className = number < model.in_flight ? "taken" : "";
  });
  const waiting = model.waiting > 0 ? ` · ${words.waitingFor} ${model.waiting}` : "";
  const slots = seats.length > 0 ? ` / ${model.slots}` : "";
  say(card.querySelector(".work"), `${words.inFlight} ${model.in_flight}${slots}${waiting}`);
  drawMove(card.querySelector(".move"), model, words);
}

function drawMove(button, model, words) {
  const action = model.shown === "absent" ? "load" : "unload";
  button.hidden = model.shown === "elsewhere";
  button.ariaDisabled = String(model.shown === "loading" || model.shown === "unloading");
  Object.assign(button.dataset, { model: model.name, move: action });
  say(button, words[action]);
  button.ariaLabel = `${words[action]}: ${model.name}`;
}

function drawTry({ asked, model: chosen }, talkers, words) {
  options($("try-model"), talkers.map(({ name }) => [name, name]), chosen);
  const isTrying = asked !== null && !asked.isOver;
  $("try-send").ariaDisabled = String(isTrying);
  $("try-stop").ariaDisabled = String(!isTrying);
  $("try-box").hidden = asked === null;
  if (asked === null) return;
  const answer = $("try-answer");
  const isAtEnd = answer.scrollTop + answer.clientHeight >= answer.scrollHeight - 8;
  answer.ariaBusy = String(isTrying); // a screen reader waits for the whole answer
  answer.hidden = asked.text === "";
  say(answer, asked.text);
  if (isAtEnd) answer.scrollTop = answer.scrollHeight;
  $("try-thought").hidden = asked.thought === "";
  say($("try-thought-text"), asked.thought);
  tell($("try-problem"), asked.problem);
  say($("try-speed"), asked.first === null && !asked.isOver ? words.hurrying : speed(asked, words));
}

/** How fast an answer came: tokens, tokens in a second, and how long the first one took. */
export function speed(asked, words) {
  const parts = asked.isStopped ? [words.stopped] : [];
  if (asked.first === null) return parts.join();
  const took_s = (asked.last - asked.first) / 1000;
  parts.push(`${asked.isExact ? "" : "≈ "}${count(asked.tokens)} ${words.tokens}`);
  if (took_s > 0.05 && asked.tokens > 1) parts.push(`${((asked.tokens - 1) / took_s).toFixed(1)} ${words.perSecond}`);
  parts.push(words.firstToken(((asked.first - asked.began) / 1000).toFixed(2)));
  return parts.join(" · ");
}

function drawSnippets(brain, model) {
  const key = brain.needs_key ? ' \\\n  -H "Authorization: Bearer $DUNOE_KEY"' : "";
  const body = JSON.stringify({ model, messages: [{ role: "user", content: "안녕하세요" }], stream: true });
  say($("openai"), `${location.origin}/v1`);
  say($("ollama"), location.origin);
  const quoted = body.replaceAll("'", "'\\''");
  say($("curl"), `curl -N ${location.origin}/v1/chat/completions${key} \\\n  -H "Content-Type: application/json" \\\n  -d '${quoted}'`);
}
