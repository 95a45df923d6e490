import { planOf } from './plan.ts'
import { runSchedule } from './runSchedule.ts'
import { only, partsOf } from './shrink.ts'
import { simulateRange } from './simulateRange.ts'

const first = Number(process.env['SIMULATION_SEED'] ?? 1)
const schedules = Number(process.env['SIMULATION_SCHEDULES'] ?? 300)

test('no schedule breaks a promise (`npm run simulate` runs more of them)', async () => {
  const { broken, acknowledged } = await simulateRange(first, schedules)
  expect(broken).toEqual([])
  expect(acknowledged).toBeGreaterThan(schedules)
})

test('nor does one whose requests are signed and go through the functions of the HTTP API', async () => {
  const { broken, acknowledged } = await simulateRange(first, Math.ceil(schedules / 10), 1, true)
  expect(broken).toEqual([])
  expect(acknowledged).toBeGreaterThan(schedules / 10)
})

test('a schedule replays exactly', async () => {
  const trace = async () => {
    const lines: string[] = []
    await runSchedule(planOf(7), (line) => lines.push(line))
    return lines
  }
  const lines = await trace()
  expect(lines.length).toBeGreaterThan(100)
  expect(await trace()).toEqual(lines)
})

test('the same work in another order is another schedule', async () => {
  const plan = planOf(7)
  const [one, other] = await Promise.all([0, 1].map((order) => runSchedule(only(plan, new Set(partsOf(plan)), order))))
  expect(one?.steps).not.toBe(other?.steps)
})
