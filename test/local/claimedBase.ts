import { createServer, type Server } from 'node:net'

/** Below the range that systems hand out by themselves; a base has the 200 ports that follow it. */
const lowest = 10_000
const highest = 32_000
const step = 200
/** Regions, the port below the vaults' that nobody uses, and the first vaults. */
const used = [0, 1, 2, 3, 99, ...Array.from({ length: 10 }, (_, index) => 100 + index)]
/** Holding it claims the base, also from test processes that run beside this one. */
const claimOffset = step - 1

/** A base whose ports are free, and whose ports no other test takes until the claim is released. */
export async function claimBase(): Promise<{ readonly base: number; readonly release: () => Promise<void> }> {
  for (;;) {
    const base = lowest + step * Math.floor(Math.random() * ((highest - lowest) / step))
    const claim = await held(base + claimOffset)
    if (claim === undefined) continue
    const servers = await Promise.all(used.map((offset) => held(base + offset)))
    const free = servers.filter((server) => server !== undefined)
    await Promise.all(free.map(closed))
    if (free.length === used.length) return { base, release: () => closed(claim) }
    await closed(claim)
  }
}

/** Undefined where somebody else has it. */
export function held(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => {
      resolve(undefined)
    })
    server.listen(port, '127.0.0.1', () => {
      resolve(server)
    })
  })
}

export function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve()
    })
  })
}
