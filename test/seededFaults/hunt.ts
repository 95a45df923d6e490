import { simulateRange } from '../simulation/simulateRange.ts'

/** Runs schedules until one breaks a promise; says after how many, or that none did. */
const most = Number(process.argv[2] ?? 1000)
const atOnce = 25

async function hunt(): Promise<string> {
  for (let done = 0; done < most; done += atOnce) {
    try {
      const { broken } = await simulateRange(1 + done, atOnce)
      const [first] = broken
      if (first !== undefined) return `caught by the schedule of seed ${first.seed}: ${first.reason}`
    } catch (cause) {
      return `caught: the schedules from seed ${1 + done} on cannot be run: ${String(cause)}`
    }
  }
  return 'NOT CAUGHT'
}

process.stdout.write(`${await hunt()}\n`)
