import type { AddressInfo } from 'node:net'
import { claimBase, closed, held } from './claimedBase.ts'

const claims: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(claims.splice(0).map((release) => release()))
})

/** A base whose ports are free, and whose ports no other test takes until this one has ended. */
export async function freeBase(): Promise<number> {
  const { base, release } = await claimBase()
  claims.push(release)
  return base
}

/** Takes a port until `close`. Port 0: any. @throws where it is in use. */
export async function takePort(port: number): Promise<{ port: number; close: () => Promise<void> }> {
  const server = await held(port)
  if (server === undefined) throw new Error(`Port ${port} is in use.`)
  return { port: (server.address() as AddressInfo).port, close: () => closed(server) }
}
