/** Less than a test may take: what hangs says where it stands, before its suite is ended without a word. */
const patienceMs = 300_000

/**
 * Asks again until the answer is true: as long as it takes, for a busy machine takes its time.
 * @throws after five minutes, at the caller's line, with what `stand` says of where it stands.
 */
export async function until(
  ask: () => boolean | Promise<boolean>,
  stand: () => unknown = () => undefined,
  everyMs = 10,
): Promise<void> {
  const late = new Error()
  Error.captureStackTrace(late, until)
  const end = performance.now() + patienceMs
  while (!(await ask())) {
    if (performance.now() > end) {
      const where = stand()
      late.message = `It did not come true in five minutes.${where === undefined ? '' : ` It stands at ${JSON.stringify(where)}.`}`
      throw late
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

/** Asks again while that throws: nobody may answer there yet. @throws as `until`, with what was thrown last. */
export async function answered<T>(ask: () => Promise<T>, everyMs = 10): Promise<T> {
  const answers: T[] = []
  let why: string | undefined
  const isAnswered = async () => {
    try {
      answers.push(await ask())
    } catch (cause) {
      why = String(cause)
    }
    return answers.length > 0
  }
  await until(isAnswered, () => why, everyMs)
  return answers[0] as T
}

/** As `answered`, of what may not be there yet. */
export function whenThere<T>(ask: () => Promise<T | undefined>, everyMs = 10): Promise<T> {
  return answered(async () => {
    const answer = await ask()
    if (answer === undefined) throw new Error('It is not there.')
    return answer
  }, everyMs)
}
