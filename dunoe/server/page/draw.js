/** How anything is written on the page: as text, into elements that stay, so that focus and selection do. */

export const $ = (id) => document.getElementById(id);

/** Write text; only what is new is added, so that a selection lives and a screen reader reads on. */
export function say(element, text) {
  const node = element.firstChild;
  if (!node || !text.startsWith(node.data)) element.textContent = text;
  else if (text.length > node.length) node.appendData(text.slice(node.length));
}

/** Write text, or hide its element where there is none. */
export function sayOrHide(element, text) {
  element.hidden = !text;
  say(element, text ?? "");
}

/** A new element with this class and text. */
export function made(name, className = "", text = "") {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/** A copy of what a template holds. */
export const copyOf = (template) => $(`${template}-template`).content.firstElementChild.cloneNode(true);

/** One child per item, made from a template; a child lives as long as its item. */
export function each(parent, template, items, keyOf, fill) {
  const keys = items.map((item, place) => String(keyOf(item, place)));
  const wanted = new Set(keys);
  const old = new Map();
  for (const child of [...parent.children]) {
    if (wanted.has(child.dataset.key)) old.set(child.dataset.key, child);
    else child.remove();
  }
  items.forEach((item, place) => {
    const child = old.get(keys[place]) ?? copyOf(template);
    child.dataset.key = keys[place];
    if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null);
    fill(child, item, place);
  });
}

/** The options of a select: [value, text] pairs. */
export function options(select, pairs, chosen) {
  each(select, "option", pairs, ([value]) => value, (option, [value, text]) => {
    option.value = value;
    say(option, text);
  });
  select.value = chosen;
}

/** An error in two lines: what is wrong, what to do; `commands` in the hint look like commands. */
export function tell(element, problem) {
  element.hidden = !problem;
  say(element.querySelector(".message"), problem?.message ?? "");
  tellHint(element.querySelector(".hint"), problem?.hint ?? "");
}

/** What to do, with its `commands`. */
export function tellHint(element, hint) {
  if (element.dataset.said === hint) return;
  element.dataset.said = hint;
  element.replaceChildren(...hint.split("`").map((part, i) => (i % 2 ? made("code", "", part) : part)));
}
