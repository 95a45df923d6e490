import { freeBase, takePort } from './freePorts.ts'

test('no two callers are given one base, nor one where a port is taken', async () => {
  const bases = await Promise.all(Array.from({ length: 20 }, () => freeBase()))
  expect(new Set(bases).size).toBe(20)
  const [base = 0] = bases
  const taken = await takePort(base + 100)
  await expect(takePort(base + 100)).rejects.toThrow('is in use')
  await taken.close()
})

test('a base is claimed until the test ends', async () => {
  const base = await freeBase()
  await expect(takePort(base + 199)).rejects.toThrow('is in use')
})
