import { createPublicKey } from 'node:crypto'
import type { RegionStatement } from '../hsm/hsm.ts'
import { MemoryState, newState } from '../hsm/software/hsmState.ts'
import { openSoftwareHsm, type SoftwareHsm } from '../hsm/software/softwareHsm.ts'
import { fingerprint } from '../iam/signature/fingerprint.ts'
import { headSeq } from '../kms/identity/verifyIdentity.ts'
import { newOcid, realm, type RandomBytes } from '../ocid.ts'
import type { Clock, Item, Queues, Tables } from '../ports.ts'
import { enqueue } from '../replication/messages/send.ts'
import { provisionTenancy } from '../runtime/provisionTenancy.ts'
import { KmsHsm } from './kms/kmsHsm.ts'
import type { KekPorts } from './kms/wrappedKeks.ts'
import type { WrapCursor } from './kms/vaultPage.ts'
import { wrapStoredKeys, type WrapProgress } from './kms/wrapStoredKeys.ts'
import { rewrapKeys, type RewrapProgress } from './rewrapKeys.ts'
import { hsmPk, readHsmState, writeHsmState, type StatePorts } from './hsmStateRow.ts'

/**
 * The steps that make a tenancy, each for one region, each harmless when repeated. Whoever may call them decides whom the
 * regions trust: on AWS that is who may invoke the function, and nothing else calls it.
 */
export type ProvisionStep =
  /** Makes the region's simulated HSM where there is none. */
  | { readonly step: 'openHsm' }
  /** Home region: the tenancy of this name and its root. */
  | { readonly step: 'createTenancy'; readonly name: string }
  /** Home region: says that this public key speaks for that region. */
  | { readonly step: 'issueStatement'; readonly tenancyId: string; readonly region: string; readonly publicKey: string }
  | { readonly step: 'acceptStatement'; readonly trustRoot: string; readonly statement: RegionStatement }
  /** Home region: the first entry of the identity log, with the administrator. */
  | ({ readonly step: 'createAdministrator'; readonly name: string; readonly publicKeyPem: string } & TenancyIds)
  /** Home region: sends the tenancy's identity log to a region that may not have it. */
  | { readonly step: 'sendIdentity'; readonly tenancyId: string; readonly peer: string }
  /** Puts what an older version has stored under the key that wraps vaults' KEKs; asked again until it is done. */
  | { readonly step: 'wrapStoredKeys'; readonly tenancyId: string; readonly from?: WrapCursor }
  /** Wraps the HSM's state and the KEKs of all vaults anew, under the keys of AWS KMS as they are now; asked again until it is done. */
  | { readonly step: 'rewrapKeys' }
  /** How far the region has the tenancy's identity log. */
  | { readonly step: 'identityStatus'; readonly tenancyId: string }

interface TenancyIds {
  readonly tenancyId: string
  readonly userId: string
}

export interface ProvisionAnswers {
  readonly openHsm: { readonly publicKey: string }
  readonly createTenancy: TenancyIds & { readonly trustRoot: string }
  readonly issueStatement: { readonly statement: RegionStatement }
  readonly acceptStatement: Record<string, never>
  readonly createAdministrator: { readonly fingerprint: string }
  readonly sendIdentity: Record<string, never>
  readonly wrapStoredKeys: WrapProgress
  readonly rewrapKeys: RewrapProgress
  readonly identityStatus: { readonly seq: number }
}

export interface ProvisionPorts extends StatePorts {
  readonly tables: Tables
  readonly queues: Queues
  readonly keks: KekPorts
  readonly homeRegion: string
  readonly random: RandomBytes
  readonly clock: Clock
}

type Steps = {
  readonly [S in ProvisionStep['step']]: (
    ports: ProvisionPorts,
    input: Extract<ProvisionStep, { step: S }>,
  ) => Promise<ProvisionAnswers[S]>
}

const steps: Steps = {
  openHsm: async (ports) => ({ publicKey: await withHsm(ports, (hsm) => hsm.identityPublicKey) }),
  createTenancy: async (ports, { name }) => {
    const ids = await tenancyNamed(ports, name)
    return { ...ids, trustRoot: await withHsm(ports, (hsm) => hsm.createTenancyRoot(ids.tenancyId)) }
  },
  issueStatement: async (ports, { tenancyId, region, publicKey }) => ({
    statement: await withHsm(ports, (hsm) => hsm.issueStatement(tenancyId, region, publicKey)),
  }),
  acceptStatement: async (ports, { trustRoot, statement }) => {
    await withHsm(ports, (hsm) => hsm.acceptStatement(trustRoot, statement))
    return {}
  },
  createAdministrator: async (ports, { tenancyId, userId, name, publicKeyPem }) => {
    await withHsm(ports, (hsm) =>
      provisionTenancy(
        { ...ports, hsm },
        { tenancyId, tenancyName: name, administrator: { userId, name: 'administrator', publicKeyPem } },
      ),
    )
    return { fingerprint: fingerprint(createPublicKey(publicKeyPem)) }
  },
  sendIdentity: async (ports, { tenancyId, peer }) => {
    await enqueue(ports, 'outbox', { task: 'resendIdentity', tenancyId, peer })
    return {}
  },
  wrapStoredKeys: (ports, { tenancyId, from }) =>
    withHsm(ports, (hsm) => wrapStoredKeys({ ...ports, hsm: new KmsHsm(hsm, ports.keks) }, tenancyId, from)),
  rewrapKeys: (ports) => rewrapKeys(ports),
  identityStatus: async (ports, { tenancyId }) => ({ seq: await headSeq(ports, tenancyId) }),
}

export function provisionRegion<S extends ProvisionStep['step']>(
  ports: ProvisionPorts,
  input: Extract<ProvisionStep, { step: S }>,
): Promise<ProvisionAnswers[S]> {
  if (!Object.hasOwn(steps, input.step)) throw new Error(`There is no step "${input.step}".`)
  return steps[input.step](ports, input)
}

/** Works with the region's HSM and keeps what that has changed; of two at once the second works again. */
async function withHsm<T>(ports: ProvisionPorts, work: (hsm: SoftwareHsm) => Promise<T> | T): Promise<T> {
  const { region } = ports
  for (;;) {
    const kept = await readHsmState(ports)
    const before = kept === undefined || kept === 'unchanged' ? { state: newState(region), revision: 0 } : kept
    const store = new MemoryState(before.state)
    const result = await work(openSoftwareHsm({ region, realm, store }))
    if (before.revision > 0 && store.state === before.state) return result
    if (await writeHsmState(ports, { state: store.state, revision: before.revision + 1 })) return result
  }
}

interface TenancyNameRow extends TenancyIds {
  readonly pk: string
  readonly sk: string
}

/** A name leads to one tenancy for ever, so that a provisioning that broke off can be repeated. */
async function tenancyNamed(ports: ProvisionPorts, name: string): Promise<TenancyIds> {
  const { tables, random } = ports
  const sk = `tenancy#${name}`
  const known = (await tables.get('Replication', hsmPk, sk)) as (TenancyNameRow & Item) | undefined
  if (known !== undefined) return { tenancyId: known.tenancyId, userId: known.userId }
  const ids = { tenancyId: newOcid(random, 'tenancy'), userId: newOcid(random, 'user') }
  const item: TenancyNameRow & Item = { pk: hsmPk, sk, ...ids }
  const { ok } = await tables.write([{ op: 'put', table: 'Replication', item, condition: { kind: 'absent' } }])
  return ok ? ids : tenancyNamed(ports, name)
}
