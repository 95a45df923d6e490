import { until, whenThere } from '../../harness/until.ts'
import { readOpenMetrics } from '../../harness/openMetrics.ts'
import { createKey, createVault, plaintext } from '../vaultSteps.ts'
import { connectionsByWorker } from './heldConnections.ts'
import { withCloud, workers } from './startedCloud.ts'

/** What the workers of a region answer is counted once and logged once, whichever of them it came to. */

test('/metrics adds up what all workers have counted, and each writes its refusals with their reasons', () =>
  withCloud(
    async ({ call, sign, home, tenancyId, service }) => {
      const vault = await createVault(call, home, tenancyId)
      const keyId = await createKey(call, vault, tenancyId)
      const url = `${vault.endpoint}/20180608/encrypt`
      const reached = await connectionsByWorker(home, url, sign('POST', url, { keyId, plaintext }))
      expect(new Set(reached.map(({ worker }) => worker)).size).toBe(workers)
      const refused = sign('POST', url, { keyId: `${keyId.slice(0, -4)}aaaa`, plaintext })
      const ids: string[] = []
      for (const { connection } of reached) {
        const { status, requestId } = await connection.post(url, refused)
        expect(status).toBe(404)
        ids.push(requestId)
        connection.close()
      }
      const { encrypts, threads } = await counted(home, 2 * reached.length)
      expect(encrypts).toEqual({ 200: reached.length, 404: reached.length })
      // Those that answer crypto, and the region's own thread.
      expect(threads).toBe(workers + 1)
      const lines = await linesWith(ids, () => service.said.err)
      expect(lines.map((line) => (JSON.parse(line) as { why: string }).why)).toEqual(
        ids.map(() => expect.stringContaining(`vault ${vault.id} has no key`) as string),
      )
    },
    { LOG_LEVEL: 'warn' },
  ))

/** Encrypts by their status once /metrics has `all`: a worker that has not told its counts in time is asked again. */
async function counted(home: string, all: number): Promise<{ encrypts: unknown; threads: number | undefined }> {
  return whenThere(async () => {
    const families = readOpenMetrics(await (await fetch(`${home}/metrics`)).text())
    const samples = families.get('vaultspan_requests')?.samples ?? []
    const found = samples.filter((each) => each.labels['operation'] === 'Encrypt')
    if (found.reduce((sum, { value }) => sum + value, 0) < all) return undefined
    const encrypts: unknown = Object.fromEntries(found.map(({ labels, value }) => [labels['status'], value]))
    return { encrypts, threads: families.get('vaultspan_workers')?.samples[0]?.value }
  })
}

/** The one line of each: a worker's pass through the region's own thread, a moment after the answer. */
async function linesWith(ids: readonly string[], written: () => string): Promise<readonly string[]> {
  const found = () => {
    const lines = written().split('\n').slice(0, -1)
    return ids.map((id) => lines.filter((line) => line.includes(id)))
  }
  await until(() => found().every((each) => each.length > 0), written)
  expect(found().map((each) => each.length)).toEqual(ids.map(() => 1))
  return found().flat()
}
