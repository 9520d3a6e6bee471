/** What a person thought of an answer. It stays in this browser: nobody else hears of it. */

const STORED = "dunoe.verdicts";
const KEPT = 500;

const all = () => JSON.parse(localStorage.getItem(STORED) ?? "[]");
const nameOf = (session, turn) => [session, turn.question, turn.text.length].join("\n");

/** "good", "bad" or "". */
export const verdictOf = (session, turn) => all().find(([name]) => name === nameOf(session, turn))?.[1] ?? "";

/** Keep a verdict; the same one again takes it back. */
export function judge(session, turn, verdict) {
  const name = nameOf(session, turn);
  const others = all().filter(([other]) => other !== name);
  const isTakenBack = verdictOf(session, turn) === verdict;
  const kept = isTakenBack ? others : [...others, [name, verdict]];
  localStorage.setItem(STORED, JSON.stringify(kept.slice(-KEPT)));
}
