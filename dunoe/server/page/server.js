/** The server as the page knows it: one request, one streamed answer, one kind of error. */

const STORED = "dunoe.key";

/** What went wrong and what to do: two lines. status: HTTP's, 0 where there was no answer. */
export class Problem extends Error {
  constructor({ message, hint = "" }, status = 0) {
    super(message);
    this.hint = hint;
    this.status = status;
  }

  /** Another key could help. */
  get isAboutKey() {
    return this.status === 401 || this.status === 403;
  }
}

/** Keep the key for as long as the tab lives. */
export const keepKey = (key) => sessionStorage.setItem(STORED, key);

/** An answered request; throws Problem, or AbortError when `signal` was used. */
async function request(path, words, { body, signal } = {}) {
  const headers = { "Accept-Language": document.documentElement.lang };
  const key = sessionStorage.getItem(STORED);
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, body ? { method: "POST", headers, body: JSON.stringify(body), signal } : { headers, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(words.gone);
  }
  if (!response.ok) throw await problemOf(response, words);
  return response;
}

/** The JSON of an answered request; throws as `request` does. */
export async function json(path, words, options) {
  const response = await request(path, words, options);
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(error instanceof SyntaxError ? words.odd : words.gone);
  }
}

/** The error in a body: OpenAI's has a hint of its own, Ollama's is the second line. */
async function problemOf(response, words) {
  const body = await response.json().catch(() => ({}));
  const odd = { ...words.odd, message: `${words.odd.message} (HTTP ${response.status}).` };
  return new Problem(said(body?.error) ?? odd, response.status);
}

function said(error) {
  if (typeof error === "string") {
    const [message, ...hint] = error.split("\n");
    return { message, hint: hint.join(" ") };
  }
  return error?.message ? { message: error.message, hint: error.hint } : null;
}

/** Yields each `data:` payload; the network may cut an event, or a Hangul letter, anywhere. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.startsWith("data: ")) yield line.slice(6);
  }
}

/** Yields {text}, {thought} and, last, {tokens} of one answer; throws Problem when it is not whole. */
export async function* ask(model, question, words, signal) {
  const messages = [{ role: "user", content: question }];
  const body = { model, messages, stream: true, stream_options: { include_usage: true } };
  const response = await request("/v1/chat/completions", words, { body, signal });
  try {
    for await (const payload of events(response)) {
      if (payload === "[DONE]") return;
      const { error, choices = [], usage } = JSON.parse(payload);
      if (error) throw new Problem(said(error) ?? words.odd);
      const delta = choices[0]?.delta ?? {};
      if (delta.content) yield { text: delta.content };
      if (delta.reasoning_content) yield { thought: delta.reasoning_content };
      if (usage) yield { tokens: usage.completion_tokens };
    }
  } catch (error) {
    if (error instanceof Problem || error.name === "AbortError") throw error;
    throw new Problem(error instanceof SyntaxError ? words.odd : words.cut);
  }
  throw new Problem(words.cut);
}
