/** Where an answer may come from: filters, the role that answers, or no documents at all. */

import { attempt, changed, state } from "./state.js";
import { json } from "./server.js";

/** Filters that take several values; the others take one. */
export const LISTS = ["folder", "kinds", "tags", "labels", "projects", "types", "statuses"];
export const SINGLES = ["file_path", "since", "until"];

/** Ask what there is to choose from. */
export async function readChoices() {
  await attempt(async () => {
    state.scope.choices = await json("/api/search/filters");
  });
}

/** What can be chosen for a filter: [value, name] pairs. */
export function choicesOf(name, choices) {
  const from = { folder: "folders", kinds: "file_types" }[name] ?? name;
  return (choices?.[from] ?? []).map((one) => (typeof one === "object" ? [String(one.id), one.name] : [one, one]));
}

/** Every filter that is set: [name, value] pairs. */
export function chosen(filters) {
  return Object.entries(filters).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
}

/** Set a filter; a list takes one more. */
export function choose(name, value) {
  const { filters } = state.scope;
  const old = filters[name] ?? [];
  if (value === "" && !LISTS.includes(name)) delete filters[name];
  else if (!LISTS.includes(name)) filters[name] = value;
  else if (value !== "" && !old.includes(value)) filters[name] = [...old, value];
  changed();
}

/** Take a filter away. */
export function drop(name, value) {
  const { filters } = state.scope;
  const left = LISTS.includes(name) ? filters[name].filter((one) => one !== value) : [];
  if (left.length > 0) filters[name] = left;
  else delete filters[name];
  changed();
}
