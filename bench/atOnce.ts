import { percentile } from './percentile.ts'
import { startService, type Service } from './service.ts'
import { slowLink } from './slowLink.ts'
import { createKey, replicatedVault } from './story.ts'

/** As test/wire/atOnce, but with the product's own bound on the wait (ARRIVALS_MS) and a clock beside it. */
const samples = 60
const clients = 4
const boundMs = 250

interface Origins {
  readonly source: string
  readonly replica: string
}

/** From the answer of the last change to the answer of the replica's very next call; undefined: it refused. */
async function servedAfter(
  service: Service,
  { source, replica }: Origins,
  isRotated: boolean,
): Promise<number | undefined> {
  const keyId = await createKey(service, source)
  if (isRotated) await service.call('POST', source, `/20180608/keys/${keyId}/keyVersions`, {})
  const plaintext = 'aGVsbG8='
  const changedAt = performance.now()
  if (!isRotated) {
    const { status } = await service.call('POST', replica, '/20180608/encrypt', { keyId, plaintext })
    return status === 200 ? performance.now() - changedAt : undefined
  }
  const { ciphertext } = (await service.call('POST', source, '/20180608/encrypt', { keyId, plaintext })).body
  const askedAt = performance.now()
  const { status } = await service.call('POST', replica, '/20180608/decrypt', { keyId, ciphertext })
  return status === 200 ? performance.now() - askedAt : undefined
}

async function measure(service: Service, origins: Origins, isRotated: boolean): Promise<string> {
  let left = samples
  const served: number[] = []
  const client = async () => {
    while (left > 0) {
      left -= 1
      const after = await servedAfter(service, origins, isRotated)
      if (after !== undefined) served.push(after)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  served.sort((a, b) => a - b)
  const part = ((100 * served.length) / samples).toFixed(1)
  return `${part} % at once (goal 100), p50 ${percentile(served, 0.5)} p99 ${percentile(served, 0.99)} ms (bound ${boundMs} beside the call)`
}

/** How many calls at the replica, each the next one after the source's answer, are served, and how long they take. */
export async function benchAtOnce(): Promise<void> {
  console.log(`\nThe next call at the replica (${samples} keys each, ${clients} callers)`)
  const service = await startService(7900)
  try {
    const vault = await replicatedVault(service)
    for (const delayMs of [0, 10, 80]) {
      await slowLink(service, delayMs)
      for (const [name, isRotated] of [
        ['created', false],
        ['rotated', true],
      ] as const)
        console.log(`  link delay ${delayMs} ms, ${name}: ${await measure(service, vault, isRotated)}`)
    }
  } finally {
    await service.stop()
  }
}
