import type { Tables, Write } from '../ports.ts'
import type { Envelope } from './messages/signedMessage.ts'

/**
 * What a region knows of how far each of its peers had come: the highest count of changes that a message of theirs named. A
 * peer that stands below it one day was put back to an older copy of its data.
 */
export const peerMarksPk = 'peerMark'

/** What this process has noted, so that a mark that stays the same for a minute, as on AWS, is written once. */
const noted = new WeakMap<object, Map<string, number>>()

export async function noteMarks(
  tables: Pick<Tables, 'write'>,
  envelopes: readonly Pick<Envelope, 'source' | 'mark'>[],
): Promise<void> {
  const known = noted.get(tables) ?? new Map<string, number>()
  noted.set(tables, known)
  const highest = new Map<string, number>()
  for (const { source, mark } of envelopes) {
    if (mark !== undefined) highest.set(source, Math.max(mark, highest.get(source) ?? 0))
  }
  for (const [source, revision] of highest) {
    if (revision <= (known.get(source) ?? 0)) continue
    const item = { pk: peerMarksPk, sk: source, epoch: '', revision }
    const condition = { kind: 'newer', epoch: '', revision } as const
    await tables.write([{ op: 'put', table: 'Replication', item, condition } satisfies Write])
    known.set(source, revision)
  }
}

/** 0 where the peer never named one. */
export async function peerMark(tables: Pick<Tables, 'get'>, peer: string): Promise<number> {
  return (await tables.get('Replication', peerMarksPk, peer))?.revision ?? 0
}
