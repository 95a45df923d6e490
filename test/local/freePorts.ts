import { createServer, type AddressInfo, type Server } from 'node:net'

/** Below the range that systems hand out by themselves; a base has the 200 ports that follow it. */
const lowest = 10_000
const highest = 32_000
const step = 200
/** Regions, the port below the vaults' that nobody uses, and the first vaults. */
const used = [0, 1, 2, 3, 99, ...Array.from({ length: 10 }, (_, index) => 100 + index)]
/** Holding it claims the base, also from test processes that run beside this one. */
const claimOffset = step - 1

const claims: Server[] = []

afterEach(async () => {
  await Promise.all(claims.splice(0).map(closed))
})

/** A base whose ports are free, and whose ports no other test takes until this one has ended. */
export async function freeBase(): Promise<number> {
  for (;;) {
    const base = lowest + step * Math.floor(Math.random() * ((highest - lowest) / step))
    const claim = await held(base + claimOffset)
    if (claim === undefined) continue
    claims.push(claim)
    const servers = await Promise.all(used.map((offset) => held(base + offset)))
    const free = servers.filter((server) => server !== undefined)
    await Promise.all(free.map(closed))
    if (free.length === used.length) return base
  }
}

/** Takes a port until `close`. Port 0: any. @throws where it is in use. */
export async function takePort(port: number): Promise<{ port: number; close: () => Promise<void> }> {
  const server = await held(port)
  if (server === undefined) throw new Error(`Port ${port} is in use.`)
  return { port: (server.address() as AddressInfo).port, close: () => closed(server) }
}

/** Undefined where somebody else has it. */
function held(port: number): Promise<Server | undefined> {
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

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve()
    })
  })
}
