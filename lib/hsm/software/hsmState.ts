import { generateKeyPairSync, randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { statementMembers } from '../formats/statement.ts'
import type { RegionStatement } from '../hsm.ts'
import { p384PrivateKey, p384PublicKey } from '../primitives/p384.ts'
import { parseJson } from '../../parseJson.ts'

const FORMAT = 'vaultspan/simulated-hsm/1'

/** Everything a simulated HSM must keep; all other secrets are wrapped by its root. */
export interface HsmState {
  readonly format: typeof FORMAT
  readonly region: string
  /** 32 bytes, base64. */
  readonly root: string
  /** While roots are rotated: the one before, under which rows still are. */
  readonly formerRoot?: string
  /** PKCS#8 PEM, P-384. */
  readonly identity: string
  readonly tenancies: Readonly<Record<string, TenancyRoot>>
  /** How often the root has changed; absent: never. */
  readonly revision?: number
}

export interface TenancyRoot {
  /** PEM SubjectPublicKeyInfo, pinned. */
  readonly trustRoot: string
  readonly statement: RegionStatement
  /** PKCS#8 PEM, in the home region's HSM only. */
  readonly rootKey?: string
  /** The last entry of the identity log that was verified here; a state of the first version has none. */
  readonly identityHead?: number
}

/** Where a simulated HSM keeps its state: a file (StateFile), or memory, from which a host may keep it elsewhere. */
export interface StateStore {
  readonly state: HsmState
  setTenancy(tenancyId: string, tenancy: TenancyRoot): void
  /** Durable when it returns. */
  setRoots(roots: HsmRoots): void
}

export type HsmRoots = Pick<HsmState, 'root' | 'formerRoot'>

export class MemoryState implements StateStore {
  #state: HsmState

  constructor(state: HsmState) {
    this.#state = state
  }

  get state(): HsmState {
    return this.#state
  }

  setTenancy(tenancyId: string, tenancy: TenancyRoot): void {
    this.#state = withTenancy(this.#state, tenancyId, tenancy)
  }

  setRoots(roots: HsmRoots): void {
    this.#state = withRoots(this.#state, roots)
  }
}

export function withRoots({ formerRoot: _, ...state }: HsmState, roots: HsmRoots): HsmState {
  return { ...state, ...roots, revision: (state.revision ?? 0) + 1 }
}

export function withTenancy(state: HsmState, tenancyId: string, tenancy: TenancyRoot): HsmState {
  return { ...state, tenancies: { ...state.tenancies, [tenancyId]: tenancy } }
}

export function newState(region: string): HsmState {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-384',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  return { format: FORMAT, region, root: randomBytes(32).toString('base64'), identity: privateKey, tenancies: {} }
}

const root = v.pipe(
  v.string(),
  v.base64(),
  v.check((text) => Buffer.from(text, 'base64').length === 32),
)
const publicPem = v.pipe(
  v.string(),
  v.check((pem) => p384PublicKey(pem) !== undefined),
)
const privatePem = v.pipe(
  v.string(),
  v.check((pem) => p384PrivateKey(pem) !== undefined),
)
/** Loose: what a newer version keeps beside these is passed on when this one writes the state again. */
const statementSchema = v.looseObject(statementMembers)
/** `rootKey`: how the backend keeps a tenancy's root. */
export function tenanciesSchema(rootKey: v.GenericSchema<string>) {
  return v.record(
    v.string(),
    v.looseObject({
      trustRoot: publicPem,
      statement: statementSchema,
      rootKey: v.exactOptional(rootKey),
      identityHead: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0))),
    }),
  )
}
const stateSchema = v.looseObject({
  format: v.literal(FORMAT),
  region: v.string(),
  root,
  formerRoot: v.exactOptional(root),
  identity: privatePem,
  tenancies: tenanciesSchema(privatePem),
  revision: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0))),
})

/** `place` names where the text was found. Nothing of the content is quoted in an error: it holds keys. */
export function parseState(place: string, text: string, region: string): HsmState {
  let content: unknown
  try {
    content = parseJson(text)
  } catch {
    throw new Error(`The HSM state ${place} is not JSON; restore it from a backup.`)
  }
  const parsed = v.safeParse(stateSchema, content)
  if (parsed.success) {
    if (parsed.output.region === region) return parsed.output
    throw new Error(`The HSM state ${place} belongs to region ${parsed.output.region}, not to ${region}.`)
  }
  const { success, output } = v.safeParse(v.object({ format: v.string() }), content)
  if (success && output.format !== FORMAT) {
    const hint = output.format.startsWith('vaultspan/pkcs11-hsm/')
      ? ' Its region has its keys in a token: set HSM=pkcs11.'
      : ''
    throw new Error(`The HSM state ${place} has format ${output.format}; this program reads ${FORMAT} only.${hint}`)
  }
  throw new Error(`The HSM state ${place} is damaged; restore it from a backup.`)
}
