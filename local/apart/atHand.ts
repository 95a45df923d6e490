import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { forgetPeer } from '../../lib/replication/forgetPeer.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { vaultsInFile } from '../../lib/store/sqlite/vaultsInFile.ts'
import { UserError } from '../../lib/userError.ts'
import { askFaultServer } from '../control/faultServer.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import { startInDirectory } from '../cloud/prepareStart.ts'
import type { OperatorAct, OperatorEffect } from '../../lib/kms/operatorAudit.ts'
import { auditAtRest } from '../region/chainedAtRest.ts'
import { openRegionHsm } from '../hsm/openRegionHsm.ts'
import { requireOwnToken, tokenSettings } from '../hsm/tokenSettings.ts'
import { hsmHost, type HsmHost } from '../region/hsmHost.ts'
import { apartRegion, apartTenancy } from './apartRegion.ts'

export interface LinkedVault {
  readonly id: string
  readonly primaryRegion: string | null
  readonly replicaRegion: string | null
}

/** A region as a command works on it: at rest, or in the service that runs it. */
export interface AtHand {
  readonly directory: HostDirectory
  readonly hsm: Pick<HsmHost, 'identityPublicKey' | 'stateRegion' | 'statement' | 'acceptStatement'>
  /** Its vaults and the replicas that it has. */
  readonly vaults: () => Promise<readonly LinkedVault[]>
  /** Ends the links of its own vaults to their replicas in a region, without asking that. Absent: this region does not run. */
  readonly endLinks?: (region: string) => Promise<void>
  /** Forgets how far another region had come, and what waits for it. */
  readonly forgetPeer: (peer: string) => Promise<void>
  /** Resolves when its audit says what is about to be done. @throws where it cannot. */
  readonly audit: (tenancyId: string, act: OperatorAct, effect: OperatorEffect) => Promise<void>
}

/** Opens a directory that a command works on while no region runs in it. A new one that fails goes as it came. */
export async function withRegion<T>(path: string, work: (directory: HostDirectory) => Promise<T>): Promise<T> {
  return startInDirectory(path, async (directory) => {
    const result = await work(directory)
    directory.close()
    return result
  })
}

/** What may be asked of the service that runs a region. */
export type ApartCommand = readonly ['export' | 'trust' | 'forget' | 'forgetLost', string] | readonly ['renew']

/** Has the service that runs the region do it or, where none does, does it here. Resolves with a line for a person. */
export async function commandApart(
  path: string,
  command: ApartCommand,
  work: (region: AtHand, command: ApartCommand) => Promise<string>,
): Promise<string> {
  const words = command.map((word) => encodeURIComponent(word)).join(' ')
  const answer = await askFaultServer(path, `apart ${words}`).catch(() => undefined)
  if (answer === undefined) return withRegion(path, (directory) => work(atRest(directory), command))
  const [, said] = /^ok: (.*)$/.exec(answer) ?? []
  if (said !== undefined) return said
  throw new UserError(answer.replace(/^error: /, '') || 'The service ended meanwhile.')
}

export function atRest(directory: HostDirectory): AtHand {
  const { region } = apartRegion(directory)
  const hsm = openHsm(directory, region)
  const file = directory.file('regions', `${region}.db`)
  return {
    directory,
    hsm: hsmHost(hsm),
    vaults: async () => (file === undefined || !existsSync(file) ? [] : vaultsInFile(file)),
    forgetPeer: async (peer) => {
      const tenancyId = apartTenancy(directory)?.tenancyId
      if (tenancyId === undefined || file === undefined || !existsSync(file)) return
      const store = openSqliteRegionStore({ file, clock: Date.now, newId: randomUUID })
      try {
        await forgetPeer(store, tenancyId, peer)
      } finally {
        store.close()
      }
    },
    audit: async (...act) => {
      // One that never ran has no audit.
      if (file !== undefined && existsSync(file)) await auditAtRest({ region, file, hsm }, ...act)
    },
  }
}

/** @throws UserError where it is lost: a new one would open nothing of what stands beside it. */
export function requireHsm(directory: HostDirectory, region: string): void {
  const file = directory.file('hsm', `${region}.json`) ?? ''
  if (existsSync(file)) return
  throw new UserError(`${file} is missing; it holds the region's HSM. Put it back from a copy of the directory.`)
}

function openHsm(directory: HostDirectory, region: string): ReturnType<typeof newHsm> {
  requireHsm(directory, region)
  return newHsm(directory, region)
}

/** The simulated one or, with HSM=pkcs11, that of the region's token. */
export function newHsm(directory: HostDirectory, region: string): ReturnType<typeof openRegionHsm> {
  const tokens = tokenSettings(process.env)
  requireOwnToken(tokens, region)
  return openRegionHsm({ region, directory, tokens })
}
