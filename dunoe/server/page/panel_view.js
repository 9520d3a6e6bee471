/** The document that is open, with the place that was meant marked and in sight. */

import { $, each, say, sayOrHide, tell } from "./draw.js";
import { count, nameOf, place } from "./words.js";

const FIRST_WORDS = 80; // letters

const CODE = new Set("py js ts jsx tsx go rs java c h cpp hpp sql sh yaml yml toml json css ini log csv".split(" "));
let drawn = null; // which panel stands there, so that it is scrolled once

/** Draw the document beside everything, or nothing. */
export function drawPanel({ panel }, words) {
  $("panel").hidden = panel === null;
  document.body.classList.toggle("reading", panel !== null);
  if (panel === null) {
    drawn = null;
    return;
  }
  const found = panel.document;
  const file = found?.file_path ?? panel.at.file ?? "";
  say($("panel-title"), found?.title || found?.name || panel.at.title || nameOf(file) || words.document);
  sayOrHide($("panel-file"), file);
  const spot = { ...panel.at, ...found?.highlight };
  sayOrHide($("panel-place"), [(spot.heading ?? []).join(" › "), place(words, spot)].filter(Boolean).join(" · "));
  $("panel-loading").hidden = found !== null || panel.problem !== null;
  tell($("panel-problem"), panel.problem);
  each($("panel-remarks"), "badge", found?.warnings ?? [], (_, row) => row, (row, warning) => say(row, String(warning.message ?? warning)));
  $("panel-tools").hidden = found === null;
  drawPassages(panel, words);
  drawText(panel, words);
  if (drawn !== panel) {
    drawn = panel;
    if (!$("panel-passages").contains(document.activeElement)) $("panel-title").focus({ preventScroll: true });
    $("panel-text").dataset.at = "";
  }
  if (found !== null && $("panel-text").dataset.at !== "there") show();
}

/** What the document became: the pieces that are searched, each with its place. */
function drawPassages({ passage, document: found }, words) {
  const passages = found?.passages ?? [];
  const box = $("panel-passages");
  box.hidden = passages.length === 0;
  say(box.querySelector("summary"), words.becamePassages(count(passages.length)));
  const letters = box.open ? [...found.content] : [];
  each($("passage-list"), "passage", box.open ? passages : [], (one) => one.id, (row, one) => {
    const button = row.querySelector("button");
    button.dataset.passage = one.id;
    button.ariaCurrent = one.id === passage ? "true" : null;
    const where = [(one.heading ?? []).join(" › "), place(words, one)].filter(Boolean).join(" · ");
    sayOrHide(row.querySelector(".where"), where);
    say(row.querySelector(".quote"), letters.slice(one.start, one.start + FIRST_WORDS).join("").trim());
  });
  const at = box.open ? passage : "";
  if (box.dataset.at !== at) $("passage-list").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  box.dataset.at = at;
}

function show() {
  $("panel-text").dataset.at = "there";
  if ($("panel-mark").textContent) $("panel-mark").scrollIntoView({ block: "center" });
  else $("panel-body").scrollTop = 0;
}

function drawText({ text, document: found, before, after }, words) {
  const [head, mark, tail] = text ?? ["", "", ""];
  const kind = nameOf(found?.file_path).split(".").pop().toLowerCase();
  $("panel-text").classList.toggle("code", CODE.has(kind));
  say($("panel-before"), head.slice(-before));
  say($("panel-mark"), mark);
  $("panel-mark").hidden = mark === "";
  say($("panel-after"), tail.slice(0, after));
  $("more-before").hidden = head.length <= before;
  $("more-after").hidden = tail.length <= after;
  say($("more-before"), words.moreBefore(count(head.length - before)));
  say($("more-after"), words.moreAfter(count(tail.length - after)));
  $("panel-empty").hidden = text === null || head.length + mark.length + tail.length > 0;
}
