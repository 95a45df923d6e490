import { generateKeyPairSync, randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import * as v from 'valibot'
import type { RegionStatement } from '../hsm.ts'
import { p384PrivateKey, p384PublicKey } from '../p384.ts'

const FORMAT = 'vaultspan/simulated-hsm/1'

export interface HsmState {
  readonly format: typeof FORMAT
  readonly region: string
  /** 32 bytes, base64. */
  readonly root: string
  /** PKCS#8 PEM, P-384. */
  readonly identity: string
  readonly tenancies: Readonly<Record<string, TenancyState>>
}

export interface TenancyState {
  /** PEM SubjectPublicKeyInfo, pinned. */
  readonly trustRoot: string
  readonly statement: RegionStatement
  /** PKCS#8 PEM, in the home region's HSM only. */
  readonly rootKey?: string
}

const isRoot = (text: string) => Buffer.from(text, 'base64').length === 32
const publicPem = v.pipe(
  v.string(),
  v.check((pem) => p384PublicKey(pem) !== undefined),
)
const privatePem = v.pipe(
  v.string(),
  v.check((pem) => p384PrivateKey(pem) !== undefined),
)
const statementSchema = v.strictObject({
  format: v.literal('vaultspan/region-statement/1'),
  realm: v.string(),
  tenancyId: v.string(),
  region: v.string(),
  publicKey: v.string(),
  signature: v.string(),
})
const stateSchema = v.strictObject({
  format: v.literal(FORMAT),
  region: v.string(),
  root: v.pipe(v.string(), v.base64(), v.check(isRoot)),
  identity: privatePem,
  tenancies: v.record(
    v.string(),
    v.strictObject({ trustRoot: publicPem, statement: statementSchema, rootKey: v.exactOptional(privatePem) }),
  ),
})

/** Where a simulated HSM keeps its secrets: a file of one process (its data directory is locked), or memory only. */
export class StateFile {
  readonly #file: string | undefined
  #state: HsmState

  constructor(region: string, file: string | undefined) {
    this.#file = file
    this.#state = file === undefined ? newState(region) : openFile(file, region)
  }

  get state(): HsmState {
    return this.#state
  }

  setTenancy(tenancyId: string, tenancy: TenancyState): void {
    const next = { ...this.#state, tenancies: { ...this.#state.tenancies, [tenancyId]: tenancy } }
    if (this.#file !== undefined) writeDurably(this.#file, next, renameSync)
    this.#state = next
  }
}

function newState(region: string): HsmState {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-384',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  return { format: FORMAT, region, root: randomBytes(32).toString('base64'), identity: privateKey, tenancies: {} }
}

function openFile(file: string, region: string): HsmState {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    // A link fails where the file exists: of two processes that start at once, neither loses the root that the other used.
    writeDurably(file, newState(region), linkIfAbsent)
  }
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    throw new Error(`The HSM state file ${file} is open to other users; set its mode to 0600.`)
  }
  const state = parseState(file, readFileSync(file, 'utf8'))
  if (state.region === region) return state
  throw new Error(`The HSM state file ${file} belongs to region ${state.region}, not to ${region}.`)
}

/** Nothing of the content is quoted in an error: it holds keys. */
function parseState(file: string, text: string): HsmState {
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch {
    throw new Error(`The HSM state file ${file} is not JSON; restore it from a backup.`)
  }
  const parsed = v.safeParse(stateSchema, content)
  if (parsed.success) return parsed.output
  const { success, output } = v.safeParse(v.object({ format: v.string() }), content)
  if (success && output.format !== FORMAT) {
    throw new Error(`The HSM state file ${file} has format ${output.format}; this program reads ${FORMAT} only.`)
  }
  throw new Error(`The HSM state file ${file} is damaged; restore it from a backup.`)
}

/** After a crash there is the old file or the new one, never a part of one. */
function writeDurably(file: string, state: HsmState, publish: (from: string, to: string) => void): void {
  const temporary = join(dirname(file), `.${basename(file)}.${process.pid}.${randomBytes(6).toString('hex')}`)
  try {
    writeFileSync(temporary, JSON.stringify(state, undefined, 2), { mode: 0o600, flag: 'wx', flush: true })
    chmodSync(temporary, 0o600) // whatever the umask says
    publish(temporary, file)
  } finally {
    rmSync(temporary, { force: true })
  }
  syncDirectory(dirname(file))
}

function linkIfAbsent(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if (!existsSync(to)) throw error
  }
}

function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return // directories cannot be opened there
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
