/** Which language is spoken, and how numbers, times and places are said in it. The words are in `ko.js` and `en.js`. */

import en from "./en.js";
import ko from "./ko.js";

const WORDS = { ko, en };
const STORED = "dunoe.language";

/** The words of one language: "ko" or "en". */
export const wordsOf = (language) => WORDS[language] ?? ko;

/** The language chosen here before, else Korean. */
export function firstLanguage() {
  const stored = localStorage.getItem(STORED);
  return stored in WORDS ? stored : "ko";
}

/** Remember the language that was chosen. */
export const keepLanguage = (language) => localStorage.setItem(STORED, language);

/** Bytes as a person says them: 812 MB, 4.7 GB. Powers of 1024, as `vram = "16GiB"` is meant. */
export function size(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let number = bytes;
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${number < 10 && unit > 0 ? number.toFixed(1) : Math.round(number)} ${units[unit]}`;
}

/** Seconds as a person says them, two units at most. */
export function duration(words, seconds) {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) return words.days(Math.floor(hours / 24), hours % 24);
  if (hours > 0) return words.hours(hours, minutes % 60);
  return minutes > 0 ? words.minutes(minutes) : words.seconds(Math.floor(seconds));
}

/** A number with its thousands apart. */
export const count = (number) => Number(number ?? 0).toLocaleString("en");

/** A moment as a person says it: the time today, the date otherwise. when: ISO text or seconds since 1970. */
export function moment(language, when) {
  if (when === null || when === undefined || when === "") return "";
  const date = new Date(typeof when === "number" ? when * 1000 : when);
  if (Number.isNaN(date.getTime())) return "";
  const isToday = date.toDateString() === new Date().toDateString();
  const how = isToday ? { hour: "2-digit", minute: "2-digit" } : { year: "numeric", month: "short", day: "numeric" };
  return date.toLocaleString(language, how);
}

/** Where in a document something stands: page, slide, cells or lines; "" where nothing is known. */
export function place(words, { page, page_end, slide, slide_end, cells, lines, line }) {
  if (page) return words.page(span(page, page_end));
  if (slide) return words.slide(span(slide, slide_end));
  if (cells) return String(cells);
  const [first, last] = lines ?? [line, line];
  if (!first) return "";
  return first === last ? words.line(first) : words.lines(first, last);
}

const span = (first, last) => (last && last !== first ? `${first}–${last}` : first);

/** The last part of a path. A \ is part of a name: a byte that is no text comes as \xff. */
export const nameOf = (path) => String(path ?? "").split("/").pop();
