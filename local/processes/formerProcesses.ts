import { createConnection } from 'node:net'
import { peerSocketPath } from './peerSocket.ts'

/** Regions' processes end when the cloud's does; one that was killed leaves them a moment longer. */
const patienceMs = 5_000
const lookMs = 20

/** Resolves once no process of an earlier start serves one of these regions; after a while whatever it holds says so itself. */
export async function waitForFormer(directory: string, regions: readonly string[]): Promise<void> {
  for (const region of regions) {
    const path = peerSocketPath(directory, region)
    for (let waited = 0; waited < patienceMs && (await isServed(path)); waited += lookMs) {
      await new Promise((resolve) => setTimeout(resolve, lookMs))
    }
  }
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    const answer = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.once('connect', () => {
      answer(true)
    })
    socket.once('error', () => {
      answer(false)
    })
  })
}
