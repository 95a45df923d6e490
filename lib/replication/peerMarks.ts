import type { Tables, Write } from '../ports.ts'
import type { CommitMark } from '../commitMark.ts'
import type { Envelope } from './messages/signedMessage.ts'

/**
 * What a region knows of how far each of its peers had come: the highest count of changes that a message of theirs named, and
 * which run of the peer made the last. A peer that stands below it one day, or has another change there, was put back to an older
 * copy of its data.
 */
export const peerMarksPk = 'peerMark'

/** What this process has noted, so that a mark that stays the same for a minute, as on AWS, is written once. */
const noted = new WeakMap<object, Map<string, number>>()

export async function noteMarks(
  tables: Pick<Tables, 'write'>,
  envelopes: readonly Pick<Envelope, 'source' | 'mark' | 'run'>[],
): Promise<void> {
  const known = noted.get(tables) ?? new Map<string, number>()
  noted.set(tables, known)
  const highest = new Map<string, CommitMark>()
  for (const { source, mark, run } of envelopes) {
    if (mark === undefined || mark < (highest.get(source)?.mark ?? 0)) continue
    highest.set(source, run === undefined ? { mark } : { mark, run })
  }
  for (const [source, { mark: revision, run }] of highest) {
    if (revision <= (known.get(source) ?? 0)) continue
    const item = { pk: peerMarksPk, sk: source, epoch: '', revision, ...(run === undefined ? {} : { run }) }
    const condition = { kind: 'newer', epoch: '', revision } as const
    await tables.write([{ op: 'put', table: 'Replication', item, condition } satisfies Write])
    known.set(source, revision)
  }
}

/** 0 where the peer never named one. */
export async function peerMark(tables: Pick<Tables, 'get'>, peer: string): Promise<number> {
  return (await knownMark(tables, peer)).mark
}

/** The same, with the run that made the last of those changes, where the peer told it. */
export async function knownMark(tables: Pick<Tables, 'get'>, peer: string): Promise<CommitMark> {
  const row = await tables.get('Replication', peerMarksPk, peer)
  const run = row?.['run']
  return { mark: row?.revision ?? 0, ...(typeof run === 'string' ? { run } : {}) }
}
