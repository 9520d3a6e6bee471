/** What would fit the card: a profile laid out by the server. */

import { attempt, changed, state } from "./state.js";
import { json } from "./server.js";

const GIB = 2 ** 30;

/** Lay a profile out on a machine; without a name the one for this machine, where no size was typed this machine's. */
export async function readPlan(profile = "") {
  const asked = new URLSearchParams();
  if (profile) asked.set("profile", profile);
  for (const memory of ["vram", "ram"]) {
    if (state.plan[memory] !== "") asked.set(memory, String(Math.round(Number(state.plan[memory]) * GIB)));
  }
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
