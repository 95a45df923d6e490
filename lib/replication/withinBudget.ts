import type { Timers } from '../ports.ts'

/** Waits for work at most so long. The work itself goes on: what it sends late is a duplicate, which every receiver bears. */
export async function withinBudget<T>(timers: Timers, work: Promise<T>, budgetMs: number, what: string): Promise<T> {
  let callOff: () => void = () => undefined
  const late = new Promise<never>((_, reject) => {
    callOff = timers.after(budgetMs, () => {
      reject(new Error(`${what} did not answer within ${budgetMs} ms.`))
    })
  })
  try {
    return await Promise.race([work, late])
  } finally {
    callOff()
    work.catch(() => undefined)
  }
}
