import { percentile } from './percentile.ts'
import { startService, type Service } from './service.ts'
import { slowLink } from './slowLink.ts'
import { createKey, replicatedVault } from './story.ts'

const samples = 100

/** From the answer of CreateKey to the first successful use of the key at the replica, ms. */
async function usableAfter(
  service: Service,
  origins: { source: string; replica: string },
): Promise<{ ack: number; usable: number }> {
  const start = performance.now()
  const keyId = await createKey(service, origins.source)
  const answered = performance.now()
  for (;;) {
    const { status } = await service.call('POST', origins.replica, '/20180608/encrypt', {
      keyId,
      plaintext: 'aGVsbG8=',
    })
    if (status === 200) return { ack: answered - start, usable: performance.now() - answered }
  }
}

/** How soon a key that was acknowledged in the source works in the replica, beside the link's own delay. */
export async function benchLag(): Promise<void> {
  console.log(`\nA new key in the replica (${samples} keys, one after another)`)
  const service = await startService(7880)
  console.log(`  start to first answer: ${service.startMs.toFixed(0)} ms (limit 3000)`)
  const vault = await replicatedVault(service)
  for (const delayMs of [0, 50]) {
    await slowLink(service, delayMs)
    const acks: number[] = []
    const usable: number[] = []
    for (let sample = 0; sample < samples; sample += 1) {
      const taken = await usableAfter(service, vault)
      acks.push(taken.ack)
      usable.push(taken.usable)
    }
    acks.sort((x, y) => x - y)
    usable.sort((x, y) => x - y)
    console.log(
      `  link delay ${delayMs} ms: CreateKey answers after p50 ${percentile(acks, 0.5)} p99 ${percentile(acks, 0.99)} ms; ` +
        `usable in the replica after the answer p50 ${percentile(usable, 0.5)} p99 ${percentile(usable, 0.99)} ms (one signed call included)`,
    )
  }
  await service.stop()
}
