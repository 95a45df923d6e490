import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import * as v from 'valibot'
import { canonicalJson, type Json } from '../../../canonicalJson.ts'
import { writeFileDurably } from '../../../durableFile.ts'
import { UserError } from '../../../userError.ts'
import { KnownRoots, rootChecksSchema, type AllRootChecks } from './knownRoots.ts'
import type { RootChecks } from '../../rootChecks.ts'
import type { PartitionEntry } from '../../partitionEntry.ts'
import type { HsmChange } from '../../software/hsmCopy.ts'
import type { PartitionStore } from '../vaults/partitions.ts'
import { StateRevision } from '../../stateRevision.ts'
import { isSameMac } from '../../formats/blobMac.ts'
import type { CmacKey } from '../../primitives/kdf.ts'
import { tenanciesSchema, type TenancyRoot } from '../../software/hsmState.ts'
import type { TenancyStore } from '../../software/tenancyRoots.ts'
import { parseJson } from '../../../parseJson.ts'

const FORMAT = 'vaultspan/pkcs11-hsm/1'

const stateSchema = v.looseObject({
  format: v.literal(FORMAT),
  region: v.string(),
  token: v.string(),
  tenancies: tenanciesSchema(v.string()),
  roots: v.exactOptional(v.array(v.number())),
  rootChecks: v.exactOptional(rootChecksSchema),
  revision: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  partitions: v.exactOptional(
    v.record(
      v.string(),
      v.looseObject({
        phase: v.picklist(['taken', 'emptying', 'ending', 'spent']),
        vault: v.looseObject({ realm: v.string(), tenancyId: v.string(), vaultId: v.string() }),
      }),
    ),
  ),
  mac: v.pipe(v.string(), v.base64()),
})

interface State {
  readonly format: string
  readonly region: string
  /** Its label. */
  readonly token: string
  readonly tenancies: Readonly<Record<string, TenancyRoot>>
  /** The tokens of private vaults, by label. A state of the first version has none. */
  readonly partitions?: Readonly<Record<string, PartitionEntry>>
  /** Generations, once they were rotated. */
  readonly roots?: readonly number[]
  /** Which roots there are in each token, by what they are; a state of an older version has none. */
  readonly rootChecks?: AllRootChecks
  /** How often the roots or the private vaults' tokens have changed; absent: never. */
  readonly revision?: number
}

/** What a copy in another thread has of it; it keeps nothing. */
export interface CopiedTokenState {
  readonly tenancies: Readonly<Record<string, TenancyRoot>>
  readonly partitions: Readonly<Record<string, PartitionEntry>>
  readonly rootChecks: AllRootChecks
}

interface TokenStateOptions {
  readonly onChange?: ((change: HsmChange) => void) | undefined
  readonly copied?: CopiedTokenState | undefined
  /** By which the roots are found that sign this; it follows each change. */
  readonly known?: KnownRoots
}

/**
 * What a region with a token keeps beside it: which tenancies it knows and the root that it pins for each. Nothing of it is
 * secret; a MAC by the token's root tells where it was changed.
 */
export class TokenState implements TenancyStore, PartitionStore {
  readonly #onChange: ((change: HsmChange) => void) | undefined
  readonly #file: string | undefined
  /** By the token's roots, the newest first. */
  readonly #macs: () => readonly CmacKey[]
  readonly guarded: StateRevision
  readonly #known: KnownRoots
  #state: State

  /** Without a file it lives in memory. @throws UserError where the file is not this token's. */
  constructor(
    region: string,
    token: string,
    file: string | undefined,
    macs: () => readonly CmacKey[],
    { onChange, copied, known = new KnownRoots(copied?.rootChecks) }: TokenStateOptions = {},
  ) {
    this.#onChange = onChange
    this.#file = file
    this.#macs = macs
    this.guarded = new StateRevision(file, () => this.revision)
    this.#known = known
    const rootChecks = known.all()
    const first = { format: FORMAT, region, token, tenancies: {}, ...copied }
    this.#state = Object.keys(rootChecks).length === 0 ? first : { ...first, rootChecks }
    if (file === undefined) return
    if (existsSync(file)) this.#state = this.#read(file)
    else {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      this.#write(file, this.#state, true)
    }
  }

  get tenancies(): Readonly<Record<string, TenancyRoot>> {
    return this.#state.tenancies
  }

  setTenancy(tenancyId: string, tenancy: TenancyRoot): void {
    this.#keep({ ...this.#state, tenancies: { ...this.#state.tenancies, [tenancyId]: tenancy } })
    this.#onChange?.({ kind: 'tenancy', tenancyId, tenancy })
  }

  /** For a copy in another thread of this process. */
  copied(): CopiedTokenState {
    return { tenancies: this.tenancies, partitions: this.partitions, rootChecks: this.#known.all() }
  }

  get partitions(): Readonly<Record<string, PartitionEntry>> {
    return this.#state.partitions ?? {}
  }

  setPartition(label: string, entry: PartitionEntry | undefined): void {
    this.#move({ ...this.#state, ...this.#checksWith(label, entry), partitions: this.#with(label, entry) })
    this.#forget(label, entry)
    this.#onChange?.({ kind: 'partition', label, entry })
  }

  /** In a copy. */
  followPartition(label: string, entry: PartitionEntry | undefined): void {
    this.#keep({ ...this.#state, ...this.#checksWith(label, entry), partitions: this.#with(label, entry) })
    this.#forget(label, entry)
  }

  /** A token that no vault has gets other roots. */
  #checksWith(label: string, entry: PartitionEntry | undefined): Pick<State, 'rootChecks'> {
    if (entry?.phase === 'taken' || this.#state.rootChecks?.[label] === undefined) return {}
    const { [label]: _, ...rootChecks } = this.#state.rootChecks
    return { rootChecks }
  }

  #forget(label: string, entry: PartitionEntry | undefined): void {
    if (entry?.phase !== 'taken') this.#known.set(label, undefined)
  }

  #with(label: string, entry: PartitionEntry | undefined): Readonly<Record<string, PartitionEntry>> {
    const { [label]: _, ...others } = this.partitions
    return entry === undefined ? others : { ...others, [label]: entry }
  }

  get revision(): number {
    return this.#state.revision ?? 0
  }

  /** What follows a state of another kind is newer than that. */
  follow(revision: number): void {
    if (this.revision <= revision) this.#keep({ ...this.#state, revision: revision + 1 })
  }

  #move(next: State): void {
    this.#keep({ ...next, revision: this.revision + 1 })
    this.guarded.changed()
  }

  #keep(next: State): void {
    if (this.#file !== undefined) this.#write(this.#file, next, false)
    this.#state = next
  }

  #read(file: string): State {
    const parsed = v.safeParse(stateSchema, jsonOf(file))
    if (!parsed.success) throw new UserError(notAState(file))
    const { mac, ...state } = parsed.output
    const { region, token } = this.#state
    if (state.region !== region)
      throw new UserError(`The HSM state ${file} belongs to region ${state.region}, not to ${region}.`)
    if (!this.#macs().some((each) => isSameMac(macOf(each, state), Buffer.from(mac, 'base64')))) {
      throw new UserError(
        `The HSM state ${file} was not written with the token ${token}: another token has its label, or the file was changed. Put back what belongs together.`,
      )
    }
    return state
  }

  /** Of the region's token: with the generations that are to stay, so that a copy can be told from it. */
  rotated(roots: readonly number[]): void {
    this.#move({ ...this.#state, roots })
  }

  /**
   * Durable, under the MAC of a root that was known before, when it returns: from then on these roots of that token are used.
   * `roots`: as `rotated` is told.
   */
  vouch(label: string, checks: RootChecks, roots?: readonly number[]): void {
    this.#move({ ...this.#vouching(label, checks), ...(roots === undefined ? {} : { roots }) })
    this.#known.set(label, checks)
  }

  /** As `vouch`, of roots that nothing was known of, or that are fewer: no copy of the state is an older one for it. */
  adopt(label: string, checks: RootChecks): void {
    this.#keep(this.#vouching(label, checks))
    this.#known.set(label, checks)
    this.#onChange?.({ kind: 'tokenRoots', label, isEnded: false, known: checks })
  }

  /** What was taken as it was found stands in the file from now on: it is not looked for that way again. */
  keepKnown(): void {
    const label = this.#state.token
    const checks = this.#known.of(label)
    const kept = this.#state.rootChecks?.[label]
    if (checks !== undefined && canonicalJson(kept ?? {}) !== canonicalJson(checks)) this.adopt(label, checks)
  }

  #vouching(label: string, checks: RootChecks): State {
    return { ...this.#state, rootChecks: { ...this.#state.rootChecks, [label]: checks } }
  }

  /** Of the region's token, in a state that does not say more of them: once rotated it has them by number. */
  rootsBySelf(): readonly number[] {
    return this.#state.roots ?? [1]
  }

  /** Whose MAC stands under the file. Undefined: it is in memory. */
  isSignedBy(key: CmacKey): boolean {
    if (this.#file === undefined) return false
    const { mac, ...state } = v.parse(stateSchema, jsonOf(this.#file))
    return isSameMac(macOf(key, state), Buffer.from(mac, 'base64'))
  }

  /** What was read of a newer version is passed on. */
  #write(file: string, state: State, isNew: boolean): void {
    const [newest] = this.#macs()
    if (newest === undefined) throw new TypeError('A token has a root.')
    const text = JSON.stringify({ ...state, mac: macOf(newest, state).toString('base64') }, undefined, 2)
    writeFileDurably(file, text, { mode: 0o600, isNew })
  }
}

function macOf(key: CmacKey, state: object): Buffer {
  return key.tag(Buffer.from(`state/v1\0${canonicalJson(state as Json)}`))
}

function jsonOf(file: string): unknown {
  try {
    return parseJson(readFileSync(file, 'utf8'))
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined
    throw cause
  }
}

function notAState(file: string): string {
  const content = v.safeParse(v.object({ format: v.string() }), jsonOf(file))
  if (!content.success) return `The HSM state ${file} is damaged; restore it from a backup.`
  const { format } = content.output
  if (format !== 'vaultspan/simulated-hsm/1')
    return `The HSM state ${file} has format ${format}; this program reads ${FORMAT} only.`
  return `The region of ${file} was made with the simulated HSM, so its keys are in no token. Bring them into one with hsm migrate, or name in PKCS11_REGIONS the regions that have a token; without any, start it without HSM=pkcs11.`
}
