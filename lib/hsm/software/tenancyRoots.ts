import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { KmsError } from '../../errors.ts'
import type { RegionStatement } from '../hsm.ts'
import { p384PublicKey, publicKeyPem } from '../primitives/p384.ts'
import { isStatementOf, unsignedBytes } from '../formats/statement.ts'
import type { StateStore, TenancyRoot } from './hsmState.ts'

interface Owner {
  readonly realm: string
  readonly region: string
  /** PEM of the region's identity. */
  readonly publicKey: string
}

/** The roots of the tenancies whose home this region is, in whichever backend they live. */
export interface RootKeys {
  /** A new one: what the tenancy's state keeps of it, and its public half. */
  create(tenancyId: string): { readonly rootKey: string; readonly publicKey: KeyObject }
  /** ECDSA P-384 with SHA-384, DER. */
  sign(rootKey: string, publicKey: KeyObject, bytes: Uint8Array): Buffer
}

/** Roots as PKCS#8 PEM, in the state itself. */
const softwareRoots: RootKeys = {
  create: () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    return { rootKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), publicKey }
  },
  sign: (rootKey, _publicKey, bytes) => sign('sha384', bytes, { key: createPrivateKey(rootKey), dsaEncoding: 'der' }),
}

/** Where the tenancies are kept. */
export interface TenancyStore {
  readonly tenancies: Readonly<Record<string, TenancyRoot>>
  setTenancy(tenancyId: string, tenancy: TenancyRoot): void
}

/** Those of a simulated HSM. */
export function softwareTenancies(store: StateStore): TenancyStore {
  return {
    get tenancies() {
      return store.state.tenancies
    },
    setTenancy: (tenancyId, tenancy) => {
      store.setTenancy(tenancyId, tenancy)
    },
  }
}

/** The tenancies that a region knows, each with the root that it pins. Provisioning is rare, so it may block. */
export class TenancyRoots {
  readonly #owner: Owner
  readonly #store: TenancyStore
  readonly #roots: RootKeys
  readonly #trustRoots = new Map<string, KeyObject>()

  constructor(owner: Owner, store: TenancyStore, roots: RootKeys = softwareRoots) {
    this.#owner = owner
    this.#store = store
    this.#roots = roots
    for (const [tenancyId, { trustRoot }] of Object.entries(store.tenancies)) {
      this.#trustRoots.set(tenancyId, createPublicKey(trustRoot))
    }
  }

  trustRoot(tenancyId: string): KeyObject | undefined {
    return this.#trustRoots.get(tenancyId)
  }

  statement(tenancyId: string): RegionStatement {
    return this.#known(tenancyId).statement
  }

  trustRootPem(tenancyId: string): string {
    return this.#known(tenancyId).trustRoot
  }

  identityHead(tenancyId: string): number {
    return this.#tenancy(tenancyId)?.identityHead ?? 0
  }

  advanceIdentityHead(tenancyId: string, seq: number): void {
    const tenancy = this.#tenancy(tenancyId)
    if (tenancy === undefined || seq <= (tenancy.identityHead ?? 0)) return
    this.#store.setTenancy(tenancyId, { ...tenancy, identityHead: seq })
  }

  /** What the same region's HSM in another thread has kept. */
  follow(tenancyId: string, tenancy: TenancyRoot): void {
    const identityHead = Math.max(tenancy.identityHead ?? 0, this.identityHead(tenancyId))
    this.#keep(tenancyId, createPublicKey(tenancy.trustRoot), { ...tenancy, identityHead })
  }

  #known(tenancyId: string): TenancyRoot {
    const known = this.#tenancy(tenancyId)
    if (known !== undefined) return known
    throw refused(`region ${this.#owner.region} holds no statement for tenancy ${tenancyId}`)
  }

  create(tenancyId: string): string {
    const known = this.#tenancy(tenancyId)
    if (known?.rootKey !== undefined) return known.trustRoot
    if (known !== undefined) throw refused(`the root of tenancy ${tenancyId} is in another region`)
    const { rootKey, publicKey } = this.#roots.create(tenancyId)
    const { region, publicKey: identity } = this.#owner
    this.#keep(tenancyId, publicKey, {
      trustRoot: publicKeyPem(publicKey),
      statement: this.#signed({ rootKey, publicKey }, tenancyId, region, identity),
      rootKey,
    })
    return publicKeyPem(publicKey)
  }

  issue(tenancyId: string, region: string, pem: string): RegionStatement {
    const rootKey = this.#tenancy(tenancyId)?.rootKey
    const root = this.#trustRoots.get(tenancyId)
    if (rootKey === undefined || root === undefined)
      throw refused(`the root of tenancy ${tenancyId} is not in this region`)
    const publicKey = p384PublicKey(pem)
    if (publicKey === undefined) throw refused(`the identity of region ${region} is no P-384 public key`)
    return this.#signed({ rootKey, publicKey: root }, tenancyId, region, publicKeyPem(publicKey))
  }

  async accept(trustRootPem: string, statement: RegionStatement): Promise<void> {
    const { tenancyId } = statement
    const root = p384PublicKey(trustRootPem)
    if (root === undefined) throw refused('the trust root is no P-384 public key')
    if (!this.#isAboutMe(statement)) throw refused('the statement is about another region or identity')
    if (!(await isStatementOf(root, statement))) throw refused('the trust root did not sign the statement')
    const trustRoot = publicKeyPem(root)
    // INVARIANT: from here on nothing is awaited, so that two calls cannot both find the tenancy unknown.
    const known = this.#tenancy(tenancyId)
    if (known === undefined) this.#keep(tenancyId, root, { trustRoot, statement })
    else if (known.trustRoot !== trustRoot) throw refused(`tenancy ${tenancyId} is pinned to another trust root`)
  }

  #isAboutMe(statement: RegionStatement): boolean {
    const { realm, region, publicKey } = this.#owner
    return statement.realm === realm && statement.region === region && statement.publicKey === publicKey
  }

  #signed(root: ReturnType<RootKeys['create']>, tenancyId: string, region: string, publicKey: string): RegionStatement {
    const { realm } = this.#owner
    const unsigned = { format: 'vaultspan/region-statement/1', realm, tenancyId, region, publicKey } as const
    const signature = this.#roots.sign(root.rootKey, root.publicKey, unsignedBytes(unsigned))
    return { ...unsigned, signature: signature.toString('base64') }
  }

  /** The own property only: a tenancy may have any name, and `constructor` is one that every object knows. */
  #tenancy(tenancyId: string): TenancyRoot | undefined {
    return this.#trustRoots.has(tenancyId) ? this.#store.tenancies[tenancyId] : undefined
  }

  #keep(tenancyId: string, root: KeyObject, tenancy: TenancyRoot): void {
    this.#store.setTenancy(tenancyId, tenancy)
    this.#trustRoots.set(tenancyId, root)
  }
}

function refused(reason: string): KmsError {
  return new KmsError('integrityFailure', `The statement is refused: ${reason}.`)
}
