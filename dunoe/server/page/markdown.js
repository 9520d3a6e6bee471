/** Markdown as models write it, into plain data: blocks, and the spans inside a line. No HTML is known here. */

const DEEPEST = 6; // lists in lists, quotes in quotes; what is deeper stays text
const FENCE = /^( {0,3})(`{3,}|~{3,})\s*([^\s`]*)/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const RULE = /^ {0,3}([-*_])(\s*\1){2,}\s*$/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])(\s+)(.*)$/;
const QUOTE = /^ {0,3}> ?/;
const TABLE_LINE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

/** The blocks of a text, each with its `source`, so that who draws may keep what has not changed. */
export function blocks(text, depth = 0) {
  const lines = text.split("\n");
  const found = [];
  for (let at = 0; at < lines.length; ) {
    if (!lines[at].trim()) at += 1;
    else {
      const [block, next] = blockAt(lines, at, depth);
      found.push({ ...block, source: lines.slice(at, next).join("\n") });
      at = next;
    }
  }
  return found;
}

function blockAt(lines, at, depth) {
  const readers = depth < DEEPEST ? [fence, heading, rule, table, list, quote] : [fence];
  for (const read of readers) {
    const found = read(lines, at, depth);
    if (found) return found;
  }
  return paragraph(lines, at, depth);
}

function fence(lines, at) {
  const [, indent, mark, language] = lines[at].match(FENCE) ?? [];
  if (!mark) return null;
  const isEnd = (line) => line.trim().startsWith(mark) && !line.trim().replaceAll(mark[0], "");
  let end = at + 1;
  while (end < lines.length && !isEnd(lines[end])) end += 1;
  const inner = lines.slice(at + 1, end).map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
  return [{ kind: "code", language, text: inner.join("\n") }, Math.min(end + 1, lines.length)];
}

function heading(lines, at) {
  const [, marks, text] = lines[at].match(HEADING) ?? [];
  return marks ? [{ kind: "heading", level: marks.length, text }, at + 1] : null;
}

function rule(lines, at) {
  return RULE.test(lines[at]) ? [{ kind: "rule" }, at + 1] : null;
}

function table(lines, at) {
  const isOne = lines[at].includes("|") && TABLE_LINE.test(lines[at + 1] ?? "");
  if (!isOne) return null;
  const rows = [];
  let next = at + 2;
  for (; next < lines.length && lines[next].includes("|"); next += 1) rows.push(cells(lines[next]));
  return [{ kind: "table", head: cells(lines[at]), rows }, next];
}

function cells(line) {
  const bare = line.trim().replace(/^\|/, "").replace(/\|$/, "");
  return bare.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));
}

function list(lines, at, depth) {
  const first = lines[at].match(ITEM);
  if (!first) return null;
  const isOrdered = /\d/.test(first[2]);
  const items = [];
  let next = at;
  for (; next < lines.length; next += 1) {
    const line = lines[next];
    const item = line.match(ITEM);
    const isOurs = item && item[1].length <= first[1].length + 1;
    if (isOurs && /\d/.test(item[2]) !== isOrdered) break;
    if (isOurs) items.push([item[4]]);
    else if (!line.trim()) {
      if (!goesOn(lines, next, first[1].length)) break;
      items.at(-1).push("");
    } else if (/^\s{2,}/.test(line)) items.at(-1).push(line.slice(first[1].length + 2));
    else if (startsAnother(line) || !lines[next - 1].trim()) break;
    else items.at(-1).push(line);
  }
  const start = isOrdered ? Number.parseInt(first[2], 10) : 1;
  const inner = items.map((item) => blocks(item.join("\n"), depth + 1));
  return [{ kind: "list", isOrdered, start, items: inner }, next];
}

/** Whether a list lives on after the blank line at `at`. */
function goesOn(lines, at, indent) {
  const next = lines.slice(at).find((line) => line.trim());
  return next !== undefined && (/^\s{2,}/.test(next) || (ITEM.test(next) && next.match(ITEM)[1].length <= indent + 1));
}

function quote(lines, at, depth) {
  if (!QUOTE.test(lines[at])) return null;
  let next = at;
  while (next < lines.length && QUOTE.test(lines[next])) next += 1;
  const inner = lines.slice(at, next).map((line) => line.replace(QUOTE, ""));
  return [{ kind: "quote", blocks: blocks(inner.join("\n"), depth + 1) }, next];
}

function startsAnother(line) {
  return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line);
}

function paragraph(lines, at, depth) {
  let next = at + 1;
  while (next < lines.length && lines[next].trim() && (depth >= DEEPEST || !startsBlock(lines, next))) next += 1;
  return [{ kind: "paragraph", text: lines.slice(at, next).join("\n") }, next];
}

function startsBlock(lines, at) {
  return startsAnother(lines[at]) || ITEM.test(lines[at]) || table(lines, at) !== null;
}

/** The spans of a line: text, code, strong, emphasis, link {text, address}, marker {number}. */
export function spans(text, depth = 0) {
  const found = [];
  const hopeless = new Set(); // marks that are never closed from here on
  let plain = "";
  const put = (span) => {
    if (plain) found.push({ kind: "text", text: plain });
    plain = "";
    found.push(span);
  };
  for (let at = 0; at < text.length; ) {
    const [span, next] = spanAt(text, at, depth, hopeless) ?? [];
    if (span) put(span);
    else plain += text.slice(at, next ?? at + 1);
    at = next ?? at + 1;
  }
  if (plain) found.push({ kind: "text", text: plain });
  return found;
}

function spanAt(text, at, depth, hopeless) {
  switch (text[at]) {
    case "\\":
      return /[!-/:-@[-`{-~]/.test(text[at + 1] ?? "") ? [{ kind: "text", text: text[at + 1] }, at + 2] : null;
    case "`":
      return code(text, at, hopeless);
    case "[":
      return bracket(text, at);
    case "*":
    case "_":
      return depth < DEEPEST ? stress(text, at, depth, hopeless) : null;
    default:
      return null;
  }
}

function code(text, at, hopeless) {
  const mark = text.slice(at).match(/^`+/)[0];
  const start = at + mark.length;
  const end = hopeless.has(mark) ? -1 : text.indexOf(mark, start);
  if (end >= 0) return [{ kind: "code", text: text.slice(start, end).replace(/^ (.+) $/, "$1") }, end + mark.length];
  hopeless.add(mark);
  return [null, start];
}

function bracket(text, at) {
  const here = text.slice(at, at + 4000);
  const link = here.match(/^\[([^\][\n]*)\]\((https?:\/\/[^\s()]+)\)/);
  if (link) return [{ kind: "link", text: link[1], address: link[2] }, at + link[0].length];
  const marker = here.match(/^\[(\d{1,3})\]/);
  return marker ? [{ kind: "marker", number: Number(marker[1]), text: marker[0] }, at + marker[0].length] : null;
}

function stress(text, at, depth, hopeless) {
  const mark = text[at] === text[at + 1] ? text.slice(at, at + 2) : text[at];
  const start = at + mark.length;
  const isInWord = mark[0] === "_" && /[\p{L}\p{N}]/u.test(text[at - 1] ?? "");
  if (isInWord || hopeless.has(mark) || !text[start] || /[\s*_]/.test(text[start])) return [null, start];
  for (let end = text.indexOf(mark, start); end >= 0; end = text.indexOf(mark, end + 1)) {
    const isClosed = !/\s/.test(text[end - 1]) && !(mark[0] === "_" && /[\p{L}\p{N}]/u.test(text[end + mark.length] ?? ""));
    const isLonger = mark.length === 1 && text[end + 1] === mark;
    if (isLonger) end += 1;
    else if (isClosed) {
      const inner = spans(text.slice(start, end), depth + 1);
      return [{ kind: mark.length === 2 ? "strong" : "emphasis", spans: inner }, end + mark.length];
    }
  }
  hopeless.add(mark);
  return [null, start];
}
