import { isKmsError } from '../../lib/errors.ts'
import { headSeq } from '../../lib/kms/identity/verifyIdentity.ts'
import { operatorEvent, type OperatorAct, type OperatorEffect } from '../../lib/kms/operatorAudit.ts'
import { fanOut } from '../../lib/replication/fanOut.ts'
import { forgetPeer } from '../../lib/replication/forgetPeer.ts'
import { enqueue } from '../../lib/replication/messages/send.ts'
import { stuckReplicas, type StuckReplica } from '../../lib/replication/stuckReplicas.ts'
import { provisionTenancy, type NewTenancy } from '../../lib/runtime/provisionTenancy.ts'
import type { HttpResponse } from '../../lib/http/wireRequest.ts'
import { settlePartitions } from '../../lib/kms/vaults/partition.ts'
import type { InsideRequest } from './answerInside.ts'
import type { RegionHealth } from './regionHealth.ts'
import { heldVaults, type HeldVaults } from './heldVaults.ts'
import { hsmHost, type HsmHost } from './hsmHost.ts'
import { importVaultRecord } from './importVaultRecord.ts'
import { putBackHost, type PutBackHost } from './putBackHost.ts'
import type { CustodyTrouble } from '../hsm/custody.ts'
import { rotateRoot } from '../hsm/rotateRoot.ts'
import { auditSoftwareReplicas } from '../hsm/softwareReplicas.ts'
import { listDead, redrive, type DeadLetters, type Place } from './redrive.ts'
import { requireKnownKey, requireOwnRoot } from '../directory/requireComplete.ts'
import type { NameOrigins } from '../names/advertised.ts'
import type { Region } from './region.ts'

/** The administrator who comes with a cloud, and where the key lies. */
export interface Administrator {
  readonly tenancyId: string
  readonly userId: string
  readonly fingerprint: string
}

/**
 * What whoever starts a cloud asks of one of its regions, in this process or in another: so every answer is a promise and
 * every value can be sent. @throws UserError for what a person can put right.
 */
export interface RegionHost extends PutBackHost, HsmHost {
  readonly name: string
  /** @throws where the HSM computes anything wrong: nothing that this region would encrypt can be trusted then. */
  selfTest(): Promise<void>
  /** The home region's HSM knows the tenancy whose data lies beside it. */
  requireOwnRoot(tenancyId: string, path: string): Promise<void>
  /** Writes the first entry of the identity log, or brings an older log up to date. Home region only. */
  provision(tenancy: NewTenancy): Promise<void>
  requireKnownKey(administrator: Administrator, path: string): Promise<void>
  /** Starts its queues and streams, after the tenancy's audit says what has been set anew. */
  run(tenancyId: string): Promise<void>
  sendIdentity(tenancyId: string): Promise<void>
  /** Has it sent as soon as the region can be reached. */
  resendIdentity(tenancyId: string, peer: string): Promise<void>
  identityHead(tenancyId: string): Promise<number>
  /** How every region's names are reached. */
  advertise(origins: NameOrigins): Promise<void>
  /** Listens for the region itself, or for a vault. Port 0 takes any free one. Resolves with the port. */
  listen(port: number, vaultId?: string): Promise<number>
  /** Answers a signed request from inside the host. */
  answer(request: InsideRequest): Promise<HttpResponse>
  isIdle(): Promise<boolean>
  /** As GET /healthz. */
  health(): Promise<RegionHealth>
  heldVaults(tenancyId: string): Promise<HeldVaults>
  /** What its custodians could not bring back of its HSM, and why. @throws where that does not answer */
  custody(): Promise<readonly CustodyTrouble[]>
  /** Vaults whose replica does not come, here or from here, and why as far as it is known. */
  stuckReplicas(): Promise<readonly StuckReplica[]>
  listDead(places: readonly Place[]): Promise<readonly DeadLetters[]>
  /** Puts dead letters back to be worked again; resolves with how many there were. */
  redrive(places: readonly Place[]): Promise<number>
  /** Resolves when the audit says what an operator is about to do. @throws where it cannot. */
  auditOperator(tenancyId: string, act: OperatorAct, effect: OperatorEffect): Promise<void>
  /** Forgets how far a peer had come, what it has, and what waits for it. */
  forgetPeer(tenancyId: string, peer: string): Promise<void>
  /** Resolves with how many rows were wrapped anew (docs/hsm.md). @throws UserError where some could not be. */
  rotateRoot(): Promise<number>
  /** Resolves with the vault's OCID (docs/operating.md). */
  importVault(tenancyId: string, record: string): Promise<string>
  /** Ends its work; other regions may still send to its queues. */
  stop(): Promise<void>
  /** Closes its store, after stop. */
  close(): Promise<void>
}

/** A rotation that the last process began. It fails as it would for whoever asks for it. */
function goOnRotating(region: Region): void {
  rotateRoot(region).catch((cause: unknown) => {
    region.runtime.log.error('The rotation of the root does not go on.', cause)
  })
}

/** Of what would be found out when a token is lost, or by the next rotation. */
function warnOfCustody({ name, custody, runtime }: Region): void {
  try {
    for (const { kind, says, remedy } of custody.look())
      if (kind === 'hasStrangers') runtime.log.error(`${name}: ${says}.`, undefined, { remedy })
      else runtime.log.warn(`${name}: ${says}.`, { remedy })
  } catch (cause) {
    // A token that went away since it was opened is told of by its health.
    if (!isKmsError(cause, 'unavailable')) throw cause
  }
}

/** Of what would be found out when somebody uses a private vault. Its vault answers 503, and the others serve. */
async function warnOfTokens({ name, hsm, runtime }: Region): Promise<void> {
  try {
    for (const label of await hsm.proveTokens())
      runtime.log.warn(`${name}: token ${label} does not answer: its private vault answers 503.`, {
        remedy: hsm.whyAway(label) ?? 'docs/hsm.md, When the token fails.',
      })
  } catch (cause) {
    runtime.log.error(`${name}: the tokens of its private vaults could not be asked.`, cause)
  }
}

/** A region of this process. */
export function regionHost(region: Region): RegionHost {
  const { name, hsm, runtime, store } = region
  return {
    ...putBackHost(region),
    ...hsmHost(hsm),
    name,
    selfTest: async () => {
      await hsm.selfTest()
    },
    requireOwnRoot: (tenancyId, path) => requireOwnRoot(region, tenancyId, path),
    provision: (tenancy) => provisionTenancy(runtime, tenancy),
    requireKnownKey: (administrator, path) => requireKnownKey(region, administrator, path),
    run: async (tenancyId) => {
      await auditSoftwareReplicas(region, tenancyId)
      await settlePartitions(runtime, hsm.takenPartitions())
      await store.queues.releaseHeld()
      region.run()
      if (hsm.rotation.isRotating()) goOnRotating(region)
      warnOfCustody(region)
      // Nobody waits for it: there may be dozens, and slow ones.
      void warnOfTokens(region)
    },
    sendIdentity: (tenancyId) => fanOut(runtime, { kind: 'identity', tenancyId }),
    resendIdentity: (tenancyId, peer) => enqueue(runtime, 'outbox', { task: 'resendIdentity', tenancyId, peer }),
    identityHead: (tenancyId) => headSeq(runtime, tenancyId),
    advertise: async (origins) => {
      region.advertise(origins)
    },
    listen: (port, vaultId) => region.listen(port, vaultId),
    answer: (request) => region.answer(request),
    isIdle: async () => region.isIdle(),
    health: () => region.health(),
    custody: async () => region.custody.look(),
    heldVaults: (tenancyId) => heldVaults(runtime, tenancyId),
    stuckReplicas: () => stuckReplicas(runtime),
    listDead: (places) => listDead(region, places),
    redrive: (places) => redrive(region, places),
    auditOperator: (tenancyId, act, effect) => runtime.audit.written(operatorEvent(runtime, tenancyId, act, effect)),
    forgetPeer: (tenancyId, peer) => forgetPeer(runtime, tenancyId, peer),
    rotateRoot: () => rotateRoot(region),
    importVault: async (tenancyId, record) => (await importVaultRecord(runtime, tenancyId, record)).id,
    stop: () => region.stop(),
    close: async () => {
      store.close()
    },
  }
}
