/** An answer's Markdown as elements. Everything a model says arrives as text: no HTML is ever read. */

import { copyOf, made, say } from "./draw.js";
import { blocks, spans } from "./markdown.js";

/** Draw a growing text into `parent`: blocks that did not change stay as they are.
 *
 * numbers: the sources that a marker `[n]` may lead to; other markers stay text.
 */
export function drawProse(parent, text, numbers) {
  const found = blocks(text);
  while (parent.children.length > found.length) parent.lastChild.remove();
  found.forEach((block, place) => {
    const child = parent.children[place];
    if (child?.source === block.source) return;
    const fresh = drawn(block, numbers);
    fresh.source = block.source;
    if (child) child.replaceWith(fresh);
    else parent.append(fresh);
  });
}

function drawn(block, numbers) {
  switch (block.kind) {
    case "heading":
      return filled(made(`h${Math.min(block.level + 2, 6)}`), block.text, numbers);
    case "code":
      return codeBlock(block);
    case "rule":
      return made("hr");
    case "table":
      return table(block, numbers);
    case "list":
      return list(block, numbers);
    case "quote":
      return within(made("blockquote"), block.blocks, numbers);
    default:
      return filled(made("p"), block.text, numbers);
  }
}

function within(element, found, numbers) {
  element.append(...found.map((block) => drawn(block, numbers)));
  return element;
}

function list({ isOrdered, start, items }, numbers) {
  const element = made(isOrdered ? "ol" : "ul");
  if (isOrdered) element.start = start;
  element.append(...items.map((item) => within(made("li"), item, numbers)));
  return element;
}

function table({ head, rows }, numbers) {
  const element = made("table");
  const row = (name, texts) => {
    const line = made("tr");
    line.append(...head.map((_, column) => filled(made(name), texts[column] ?? "", numbers)));
    return line;
  };
  const top = made("thead");
  top.append(row("th", head));
  const body = made("tbody");
  body.append(...rows.map((texts) => row("td", texts)));
  element.append(top, body);
  const frame = made("div", "table");
  frame.tabIndex = 0; // a wide one is scrolled, by keys too
  frame.append(element);
  return frame;
}

function codeBlock({ language, text }) {
  const block = copyOf("code");
  say(block.querySelector("figcaption span"), language);
  say(block.querySelector("code"), text);
  return block;
}

function filled(element, text, numbers) {
  element.append(...spans(text).map((span) => inline(span, numbers)));
  return element;
}

function inline(span, numbers) {
  switch (span.kind) {
    case "code":
      return made("code", "", span.text);
    case "strong":
    case "emphasis": {
      const element = made(span.kind === "strong" ? "strong" : "em");
      element.append(...span.spans.map((inner) => inline(inner, numbers)));
      return element;
    }
    case "link":
      return link(span);
    case "marker":
      return numbers.has(span.number) ? chip(span) : span.text;
    default:
      return span.text;
  }
}

/** The address is always to be seen: a document could make a model write one that says something else. */
function link({ text, address }) {
  const anchor = made("a", "", address);
  anchor.href = address;
  anchor.rel = "noopener noreferrer";
  anchor.target = "_blank";
  const element = made("span");
  if (text && text !== address) element.append(`${text} (`, anchor, ")");
  else element.append(anchor);
  return element;
}

function chip({ number, text }) {
  const button = made("button", "cite", text);
  button.type = "button";
  Object.assign(button.dataset, { do: "cite", number });
  return button;
}
