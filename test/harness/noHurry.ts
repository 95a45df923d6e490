/**
 * However long this machine takes to hand a change off and to store what has arrived: an answer at risk, or by what a replica
 * had before, is the product's patience on a busy machine, and no matter of a test that is about something else.
 */
export const noHurry = { arrivalsMs: 110_000, handOffBudgetMs: 60_000 } as const

/** The same for a process. */
export const noHurryVariables = {
  ARRIVALS_MS: String(noHurry.arrivalsMs),
  HANDOFF_BUDGET_MS: String(noHurry.handOffBudgetMs),
} as const
