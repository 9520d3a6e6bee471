/** What a person thought of an answer, kept by the server with the turn. */

import { attempt, changed } from "./state.js";
import { json } from "./server.js";

const NUMBERS = { good: 1, bad: -1 };

/** "good", "bad" or "". */
export const verdictOf = (turn) => Object.keys(NUMBERS).find((name) => NUMBERS[name] === turn.verdict) ?? "";

/** Where the server keeps the turn; null while it does not. */
export const keptAs = (turn) => turn.id ?? turn.end.conversation_id ?? null;

/** Keep a verdict; the same one again takes it back. */
export async function judge(turn, name) {
  const verdict = verdictOf(turn) === name ? 0 : NUMBERS[name];
  await attempt(async () => {
    const path = `/api/conversations/${keptAs(turn)}/verdict`;
    turn.verdict = (await json(path, { body: { verdict } })).verdict;
  });
  changed();
}
