import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { realm } from '../../lib/ocid.ts'
import type { Queues } from '../../lib/ports.ts'
import type { Body } from '../../lib/replication/messages/signedMessage.ts'
import { jsonLogger } from '../../lib/runtime/jsonLogger.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { composeTestRegion, regionA, regionB } from '../harness/twoRegions.ts'
import type { ReleaseStory } from './release.ts'

/** A release's two regions with nothing running: messages are worked one by one, and what they send goes nowhere. */
export function openRelease(directory: string, { madeAt }: Pick<ReleaseStory, 'madeAt'>) {
  const sent: string[] = []
  const clock = () => madeAt + 60_000
  const queues: Queues = {
    send: async (_to, messages) => {
      sent.push(...messages.map(({ body }) => kindOf(body)))
    },
  }
  const open = (region: string) => {
    const file = join(directory, 'regions', `${region}.db`)
    const store = openSqliteRegionStore({ file, clock, newId: randomUUID })
    const hsm = openSoftwareHsm({
      region,
      realm,
      file: join(directory, 'hsm', `${region}.json`),
      generateRsa: knownRsaPair,
    })
    const log = jsonLogger(() => undefined, 'silent')
    return { store, runtime: composeTestRegion({ region, tables: store.tables, queues, hsm, clock, log }) }
  }
  const [a, b] = [open(regionA), open(regionB)]
  return {
    a: a.runtime,
    b: b.runtime,
    /** The kinds of the messages and tasks that were sent. */
    sent,
    close: () => {
      a.store.close()
      b.store.close()
    },
  }
}

function kindOf(text: string): string {
  const { body, task } = JSON.parse(text) as { readonly body?: string; readonly task?: string }
  return body === undefined ? `task ${task ?? ''}` : (JSON.parse(body) as Body).kind
}
