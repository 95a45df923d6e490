import { readFileSync } from 'node:fs'
import { parseState } from '../../lib/hsm/software/hsmState.ts'
import type { Item, Write } from '../../lib/ports.ts'
import { writeHsmState } from '../../lib/aws/hsmStateRow.ts'
import type { ReleaseStory } from './release.ts'

export const encryptedFor = { region: 'us-ashburn-1', resourcePrefix: 'vaultspan-release' } as const

/** The state of a simulated HSM as the AWS host keeps it, under a data key that the fixture tells. */
export async function encryptedState(stateFile: string): Promise<ReleaseStory['sealedState']> {
  const state = parseState(`file ${stateFile}`, readFileSync(stateFile, 'utf8'), encryptedFor.region)
  const dataKey = Buffer.alloc(32, 'data key of a fixture')
  const items: Item[] = []
  const tables = {
    get: async () => undefined,
    write: async (writes: readonly Write[]) => {
      items.push(...writes.flatMap((write) => (write.op === 'put' ? write.item : [])))
      return { ok: true } as const
    },
  }
  const keys = {
    generateDataKey: async () => ({ plaintext: Buffer.from(dataKey), wrapped: Buffer.from('wrapped') }),
    decrypt: async () => Buffer.from(dataKey),
  }
  await writeHsmState({ tables, keys, ...encryptedFor }, { state, revision: 1 })
  return { item: items[0] ?? {}, dataKey: dataKey.toString('hex') }
}
