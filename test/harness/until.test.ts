import { answered, until, whenThere } from './until.ts'

const own = performance.now.bind(performance)
let atMs = 0
beforeEach(() => {
  atMs = 0
  Object.assign(performance, { now: () => atMs })
})
afterEach(() => {
  Object.assign(performance, { now: own })
})

test('what does not come true says where it stands, and only then', async () => {
  const looks = [299_000, 300_000, 300_001]
  const look = () => {
    atMs = looks.shift() ?? atMs
    return false
  }
  await expect(until(look, () => ({ left: looks.length }), 0)).rejects.toThrow('It stands at {"left":0}.')
})

test('what fails or finds nothing is asked again, and the last failure is told', async () => {
  const answers = [undefined, 'found']
  expect(await whenThere(async () => answers.shift(), 0)).toBe('found')
  await answered(async () => undefined, 0)
  atMs = 0
  const failing = () => {
    atMs += 200_000
    return Promise.reject(new Error('nobody answers'))
  }
  await expect(answered(failing, 0)).rejects.toThrow('nobody answers')
})
