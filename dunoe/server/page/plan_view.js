/** The plan as a person sees it: the card as a bar, who stays and who takes turns, and what to know. */

import { $, each, options, say, tell } from "./draw.js";
import { count } from "./words.js";

const HUES = 6;
const GIB = 2 ** 30;

/** Bytes in the unit that the field above asks for. */
const size = (bytes) => `${(bytes / GIB).toFixed(2)} GiB`;

/** Draw the plan of the card. */
export function drawPlan({ plan: { said, problem }, language }, words) {
  tell($("plan-problem"), problem);
  $("plan-body").hidden = said === null;
  if (said === null) return;
  const named = said.profiles.map(({ name, title }) => [name, `${title[language]} (${name})`]);
  options($("plan-profile"), named, said.profile);
  if (document.activeElement !== $("plan-vram")) $("plan-vram").value = +(said.vram / GIB).toFixed(1);
  if (document.activeElement !== $("plan-ram")) $("plan-ram").value = +(said.ram / GIB).toFixed(1);
  say($("plan-about"), said.about[language]);
  drawBar(said, words);
  each($("plan-seats"), "plan-seat", said.seats, ({ name }) => name, (row, seat, place) => {
    row.querySelector(".swatch").className = `swatch hue-${place % HUES}`;
    say(row.querySelector(".name"), seat.name);
    say(row.querySelector(".state"), words.places[seat.place]);
    row.querySelector(".state").className = `state at-${seat.place}`;
    say(row.querySelector(".facts"), factsOf(seat, words));
  });
  const remarks = [...ramOf(said, words), ...said.seats.flatMap((seat) => remarksOf(seat, said, words)), ...said.corrections.map((one) => one[language])];
  each($("plan-remarks"), "badge", remarks, (text) => text, say);
}

/** From left to right: who stays, the largest of those who take turns, what is free, what others keep. */
function drawBar({ seats, vram, turns, reserve, free }, words) {
  const hued = seats.map((seat, place) => ({ ...seat, hue: place % HUES }));
  const parts = hued.filter(({ place }) => place === "stays").map((seat) => ({ ...seat, bytes: seat.card }));
  const largest = hued.filter(({ place }) => place === "turns").sort((one, other) => other.card - one.card)[0];
  if (largest) parts.push({ ...largest, name: words.turnsPart, bytes: turns });
  $("plan-bar").hidden = vram === 0;
  const drawn = [...parts, { name: "reserve", place: "kept", bytes: reserve, hue: "none" }];
  each($("plan-bar"), "segment", drawn, ({ name }) => name, (segment, part) => {
    segment.className = `hue-${part.hue} at-${part.place}`;
    segment.style.width = `${(100 * part.bytes) / vram}%`;
  });
  const told = parts.map(({ name, bytes, hue }) => ({ text: `${name} ${size(bytes)}`, hue }));
  $("plan-bar").ariaLabel = told.map(({ text }) => text).join(", ");
  each($("plan-legend"), "legend", told, ({ text }) => text, (row, part) => {
    row.querySelector(".swatch").className = `swatch hue-${part.hue}`;
    say(row.querySelector(".name"), part.text);
  });
  say($("plan-free"), vram === 0 ? words.planWithout : words.planFree(size(Math.max(0, free)), size(reserve)));
}

function factsOf(seat, words) {
  return [seat.roles.map((role) => words.roleNames[role]).join(", "), `context ${count(seat.context)}`, size(seat.card || seat.ram)].filter(Boolean).join(" · ");
}

/** Whoever lies beside the card shares RAM, and not all of it is for models. */
function ramOf({ seats, ram, ram_reserve, in_ram }, words) {
  return seats.some((seat) => seat.card === 0) ? [words.planRam(size(in_ram), size(ram - ram_reserve), size(ram))] : [];
}

function remarksOf({ name, place, wanted, limit, context, card, ram }, said, words) {
  const room = card ? said.vram - said.reserve : said.ram - said.ram_reserve;
  const trained = Math.min(wanted, limit ?? wanted);
  const remarks = wanted > trained ? [words.planLimit(name, count(limit), count(wanted))] : [];
  if (place === "nowhere") remarks.push(words.planNowhere(name, size(card || ram), size(room)));
  else if (context < trained) remarks.push(words.planShort(name, count(context)));
  return remarks;
}
