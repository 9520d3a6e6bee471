/** What would fit the card: a profile laid out by the server. */

import { attempt, changed, state } from "./state.js";
import { json } from "./server.js";

const GIB = 2 ** 30;

/** Lay a profile out on a card; without a name the one for this machine, without a size this machine's card. */
export async function readPlan({ profile = "", gib = "" } = {}) {
  const asked = new URLSearchParams();
  if (profile) asked.set("profile", profile);
  if (gib !== "") asked.set("vram", String(Math.round(Number(gib) * GIB)));
  const number = (state.plan.number += 1);
  await attempt(
    async () => {
      const said = await json(`/api/fit?${asked}`);
      if (number === state.plan.number) state.plan.said = said; // else a later question is on its way
    },
    (problem) => (state.plan.problem = problem),
  );
  changed();
}
