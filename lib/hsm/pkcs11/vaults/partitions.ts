import type { AttestedToken } from '../../formats/attestation.ts'
import { isSameContext } from '../../formats/sameContext.ts'
import type { VaultContext } from '../../hsm.ts'
import type { PartitionEntry } from '../../partitionEntry.ts'
import { describeToken } from '../roots/attest.ts'
import { UserError } from '../../../userError.ts'
import type { VaultObjects } from '../roots/findRoots.ts'
import type { RootChecks } from '../../rootChecks.ts'
import { checksOf, requireOneGeneration } from '../roots/openTokenState.ts'
import { markIfUnmarked, ownerMarks, requireOwner } from '../roots/ownerMark.ts'
import { findRecoveryKey, hasLostRecoveryKey } from '../roots/recoverable.ts'
import { PoolCustody } from './poolCustody.ts'
import { destroyVaultObjects, createRoots } from '../roots/regionObjects.ts'
import { partitionToken, type VaultToken } from '../roots/regionToken.ts'
import type { Session } from '../token/session.ts'
import type { TokenOptions } from '../roots/tokenOptions.ts'
import { asFailure } from '../token/lostToken.ts'
import { firstFree, ifItAnswers } from './firstFree.ts'
import { poolIsEmpty } from './poolIsEmpty.ts'
import { isProven } from '../keys/provenToken.ts'
import { isAnswering, lookFor } from '../keys/tokenProof.ts'
import { TokenWatch } from '../keys/tokenWatch.ts'
import { VaultKeeper } from '../keys/vaultKeeper.ts'
import { markFor, requireMarkerOf } from '../roots/vaultMarker.ts'

export interface PartitionStore {
  readonly partitions: Readonly<Record<string, PartitionEntry>>
  /** Durable when it returns. Undefined: nothing stands about it any more. */
  setPartition(label: string, entry: PartitionEntry | undefined): void
  /** Which roots are in the token of a vault, from now on. Durable when it returns. */
  adopt(label: string, checks: RootChecks): void
}

/** A vault's token that stays away is looked for so seldom that the others hardly notice (Token). */
const restartSeconds = 60

/** How the pool stands. */
export interface PartitionCounts {
  readonly free: number
  readonly taken: number
  readonly spent: number
}

/** The label of a pool's token: the region's, and a number. */
export function partitionLabel(regionLabel: string, number: number): string {
  return `${regionLabel} #${number}`
}

/** Whether a token's label is of the pool of that region. */
export function isPoolLabel(regionLabel: string, label: string): boolean {
  return label.startsWith(`${regionLabel} #`) && /^[1-9]\d*$/.test(label.slice(regionLabel.length + 2))
}

/** A tenancy's backup keys have a vault's context and are none: they are kept by the region. */
export function hasPartition({ isPrivate, vaultId }: VaultContext): boolean {
  return isPrivate && !vaultId.startsWith('backup.')
}

/**
 * A region's pool of tokens, one for each private vault. INVARIANT: which vault has which is durable before the token keeps
 * anything of it, and everything from reading that to writing it is one step of the event loop: no two vaults get one token.
 * The token itself names its vault before it keeps anything else of it, whatever a state says that was put back.
 */
export class Partitions {
  readonly #region: TokenOptions
  readonly #keeper: VaultKeeper
  readonly #store: PartitionStore
  readonly #isCopy: boolean
  readonly #open = new Map<string, { readonly token: VaultToken; readonly keeper: VaultKeeper }>()
  readonly #watch = new TokenWatch(() => (this.#region.now ?? Date.now)())
  readonly #custody: PoolCustody
  #seen: readonly string[] | undefined

  /** `isCopy`: in another thread than the one that takes tokens and gives them back. */
  constructor(region: TokenOptions, keeper: VaultKeeper, store: PartitionStore, isCopy = false) {
    this.#region = region
    this.#keeper = keeper
    this.#store = store
    this.#isCopy = isCopy
    this.#custody = new PoolCustody(keeper.token)
  }

  /** The vault's own; undefined where it has none. */
  of(vault: VaultContext): VaultKeeper | undefined {
    const label = this.#labelOf(vault)
    return label === undefined ? undefined : this.#opened(label).keeper
  }

  /** The vault's own, taken from the pool where it has none. @throws KmsError limitExceeded where no token is free. */
  take(vault: VaultContext): VaultKeeper {
    const own = this.of(vault)
    if (own !== undefined) return own
    const label = firstFree(this.#labels(), this.#isFree.bind(this))
    if (label === undefined) throw poolIsEmpty(partitionLabel(this.#region.label, 1))
    const { realm, tenancyId, vaultId } = vault
    this.#store.setPartition(label, { phase: 'taken', vault: { realm, tenancyId, vaultId } })
    const { token, keeper } = this.#opened(label)
    // Looked up anew: by what the state says now it is marked.
    token.refresh()
    return keeper
  }

  /**
   * Destroys everything in the vault's token. Then it is free again, with new roots, where the vault never came to be;
   * otherwise spent. Nothing is done where the vault has none.
   */
  release(vault: VaultContext, why: 'neverWas' | 'isDeleted'): void {
    const label = this.#labelOf(vault)
    const entry = label === undefined ? undefined : this.#store.partitions[label]
    if (label === undefined || entry === undefined) return
    this.#store.setPartition(label, { ...entry, phase: why === 'neverWas' ? 'emptying' : 'ending' })
    this.#finish(label)
  }

  /** At the start: what a crash left half done is finished, and what hsm init has made anew is free. */
  settle(): void {
    for (const [label, { phase }] of Object.entries(this.#store.partitions)) {
      ifItAnswers(() => {
        if (phase === 'emptying' || phase === 'ending') this.#finish(label)
        else if (phase === 'spent' && this.#labels().includes(label) && this.#isFree(label))
          this.#store.setPartition(label, undefined)
      })
    }
    const free = this.#labels().filter((label) => this.#store.partitions[label] === undefined)
    this.#custody.look(free, { ...this.#region, restartSeconds })
  }

  taken(): readonly VaultContext[] {
    return Object.values(this.#store.partitions)
      .filter(({ phase }) => phase === 'taken')
      .map(({ vault }) => ({ ...vault, isPrivate: true }))
  }

  /** Each with a session, whoever has it. */
  describe(): readonly AttestedToken[] {
    return this.#labels().map((label) => {
      const token = partitionToken({ ...this.#region, label, restartSeconds })
      return token.bare((session) => describeToken(session, token.info()))
    })
  }

  /** Labels of those that did not answer when they were needed or asked last, and do not now: each is looked for, once a second. */
  away(): readonly string[] {
    const away = [...this.#open]
      .filter(([label, { token }]) => this.#watch.isSuspect(token) && this.#vaultOf(label) !== undefined)
      .filter(([, { token }]) => !isAnswering(token))
      .map(([label]) => label)
    // Those that nobody uses, by the next time.
    if (!this.#isCopy) void this.prove()
    return away
  }

  /** Each vault's own is asked off the event loop, one after the other. */
  prove(): Promise<void> {
    // Where the library itself is away, or slow, it is left alone.
    if (this.#keeper.token.isAway) return Promise.resolve()
    const labels = Object.keys(this.#store.partitions).filter((label) => this.#vaultOf(label) !== undefined)
    return this.#watch.ask(labels, (label) =>
      this.#vaultOf(label) === undefined ? undefined : this.#opened(label).token,
    )
  }

  /** Of one of those; undefined where nothing is known but that it does not answer. */
  whyAway(label: string): string | undefined {
    return this.#open.get(label)?.token.whyAway()
  }

  lookAgain(labels: readonly string[]): void {
    for (const label of labels) if (this.#vaultOf(label) !== undefined) lookFor(this.#opened(label).token)
  }

  /** In a copy: what is open of this token is of what stood about it before. */
  followEntry(label: string): void {
    this.#shut(label)
  }

  /** One that is open. */
  tokenOf(label: string): VaultToken | undefined {
    return this.#open.get(label)?.token
  }

  /** By the tokens that were there when they were last looked for: hsm init makes more while the service stands still alone. */
  counts(): PartitionCounts {
    const entries = Object.entries(this.#store.partitions)
    const labels = this.#seen ?? this.#labels()
    const taken = entries.filter(([, { phase }]) => phase === 'taken').length
    const spent = entries.filter(([label, { phase }]) => phase !== 'taken' && labels.includes(label)).length
    const free = labels.filter(
      (label) => this.#store.partitions[label] === undefined && !this.#custody.isForeign(label),
    )
    return { free: free.length, taken, spent }
  }

  close(): void {
    this.#watch.end()
    for (const { token } of this.#open.values()) token.close()
    this.#open.clear()
  }

  #labelOf(vault: VaultContext): string | undefined {
    return Object.entries(this.#store.partitions).find(
      ([, entry]) => entry.phase === 'taken' && isSameContext({ ...entry.vault, isPrivate: true }, vault),
    )?.[0]
  }

  #vaultOf(label: string): VaultContext | undefined {
    const entry = this.#store.partitions[label]
    return entry?.phase === 'taken' ? { ...entry.vault, isPrivate: true } : undefined
  }

  /** Of the pool's tokens that the library sees, by number. */
  #labels(): readonly string[] {
    const { module, label } = this.#region
    this.#seen = module
      .labels()
      .filter((each) => isPoolLabel(label, each))
      .map((each) => Number(each.slice(label.length + 2)))
      .sort((one, other) => one - other)
      .map((number) => partitionLabel(label, number))
    return this.#seen
  }

  /** A spent one that has roots and names no vault was made anew by hsm init. */
  #isFree(label: string): boolean {
    const phase = this.#store.partitions[label]?.phase
    if (phase !== undefined && phase !== 'spent') return false
    const { token } = this.#opened(label)
    try {
      token.open()
      if (token.bare((session) => isProven(session, 'vault')) && this.#custody.isOurs(token)) return true
    } catch (cause) {
      if (!(cause instanceof UserError)) {
        this.#shut(label)
        throw asFailure(label, cause)
      }
    }
    this.#shut(label)
    return false
  }

  #finish(label: string): void {
    const entry = this.#store.partitions[label]
    if (entry === undefined) return
    // Sessions of this process may hold objects of the vault: they go first.
    this.#shut(label)
    let isFree = entry.phase === 'emptying'
    const token = partitionToken({ ...this.#region, label, restartSeconds })
    token.bare((session) => {
      this.#keepAsOwn(session, label)
      requireMarkerOf(session, { ...entry.vault, isPrivate: true })
      // Without the custodians' key new roots would have no copy: the token is spent, until hsm init makes it anew.
      const hasLost = hasLostRecoveryKey(session)
      const recoveryKey = hasLost ? undefined : findRecoveryKey(session)
      isFree &&= !hasLost
      destroyVaultObjects(session, [...ownerMarks(session), ...(recoveryKey === undefined ? [] : [recoveryKey])])
      if (isFree) createRoots(session)
    })
    this.#store.setPartition(label, isFree ? undefined : { ...entry, phase: 'spent' })
  }

  #keepAsOwn(session: Session, label: string): void {
    const { owner } = this.#region
    if (owner === undefined) return
    if (this.#isCopy) requireOwner(session, label, owner)
    else markIfUnmarked(session, label, owner)
  }

  /** Roots of which nothing was known, once: from then on they are found by what they are. */
  #adopt(label: string, found: VaultObjects): void {
    if (this.#vaultOf(label) === undefined) return
    requireOneGeneration(label, found, this.#keeper)
    if (!this.#isCopy) this.#store.adopt(label, checksOf(found.roots))
  }

  #shut(label: string): void {
    this.#open.get(label)?.token.close()
    this.#open.delete(label)
  }

  #opened(label: string): { readonly token: VaultToken; readonly keeper: VaultKeeper } {
    const known = this.#open.get(label)
    if (known !== undefined) return known
    const see = (session: Session) => {
      const vault = this.#vaultOf(label)
      this.#keepAsOwn(session, label)
      // One that an older version took has no mark until the region's own thread uses it.
      if (vault === undefined || this.#isCopy) requireMarkerOf(session, vault)
      else markFor(session, vault)
    }
    const how = { see, onUnknown: this.#adopt.bind(this, label) }
    const token = partitionToken({ ...this.#region, label, restartSeconds }, how)
    const opened = { token, keeper: new VaultKeeper(token, this.#keeper) }
    this.#open.set(label, opened)
    return opened
  }
}
