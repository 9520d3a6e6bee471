/** The server as the page knows it: a request, a stream of lines, one kind of error. */

import { wordsOf } from "./words.js";

const STORED = "dunoe.key";
const words = () => wordsOf(document.documentElement.lang);

/** What went wrong and what to do: two lines. status: HTTP's, 0 where there was no answer. */
export class Problem extends Error {
  constructor({ message, hint = "" }, status = 0) {
    super(message);
    this.hint = hint;
    this.status = status;
    this.key = sessionStorage.getItem(STORED);
  }

  /** Another key could help. */
  get isAboutKey() {
    return this.status === 401 || this.status === 403;
  }

  /** Another key has been given since this was asked. */
  get isOld() {
    return this.key !== sessionStorage.getItem(STORED);
  }
}

/** Keep the key for as long as the tab lives. */
export const keepKey = (key) => sessionStorage.setItem(STORED, key);

/** An answered request; throws Problem, or AbortError when `signal` was used. */
export async function request(path, { body, method, signal } = {}) {
  const headers = { "Accept-Language": document.documentElement.lang };
  const key = sessionStorage.getItem(STORED);
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  const sent = body && JSON.stringify(body);
  let response;
  try {
    response = await fetch(path, { method: method ?? (body ? "POST" : "GET"), headers, body: sent, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(words().gone);
  }
  if (!response.ok) throw Object.assign(await refusalOf(response), { key });
  return response;
}

/** The JSON of an answered request; throws as `request` does. */
export async function json(path, options) {
  const response = await request(path, options);
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(error instanceof SyntaxError ? words().odd : words().gone);
  }
}

/** `path?name=value…`, without what is empty; a list is repeated. */
export function query(path, values) {
  const told = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    for (const one of [value].flat()) if (one !== "" && one !== null && one !== undefined) told.append(name, one);
  return told.size ? `${path}?${told}` : path;
}

/** What an error says, in whichever dialect: {message, hint}, or null. */
export function said(body) {
  const error = body?.error ?? body;
  if (typeof error === "string") {
    const [message, ...hint] = error.split("\n");
    return { message, hint: hint.join(" ") };
  }
  const message = error?.message ?? error?.detail;
  return typeof message === "string" ? { message, hint: error.hint ?? "" } : null;
}

async function refusalOf(response) {
  const body = await response.json().catch(() => ({}));
  const odd = { ...words().odd, message: `${words().odd.message} (HTTP ${response.status}).` };
  return new Problem(said(body) ?? odd, response.status);
}

/** Yields each whole line; the network may cut a line, or a Hangul letter, anywhere. */
async function* lines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const whole = (rest + value).split("\n");
    rest = whole.pop();
    yield* whole;
  }
}

/** Yields what each line of a stream holds: the payload of an event's `data:`, or a line that is JSON itself. */
async function* payloads(response) {
  for await (const line of lines(response)) {
    if (line.startsWith("data:")) yield line.slice(5).trim();
    else if (line.startsWith("{")) yield line;
  }
}

/** Yields the JSON of each event or line of a stream, until `[DONE]`; a stream that breaks is a Problem. */
export async function* stream(path, options) {
  const response = await request(path, options);
  try {
    for await (const payload of payloads(response)) {
      if (payload === "[DONE]") return;
      yield JSON.parse(payload);
    }
  } catch (error) {
    if (error instanceof Problem || error.name === "AbortError") throw error;
    throw new Problem(error instanceof SyntaxError ? words().odd : words().cut);
  }
}

/** A stream ended before it said that it was whole. */
export const cutShort = () => new Problem(words().cut);
