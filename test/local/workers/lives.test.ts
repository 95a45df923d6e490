import { askFaultServer } from '../../../local/control/faultServer.ts'
import { until } from '../../harness/until.ts'
import type { SignedCaller } from '../signedCaller.ts'
import { createKey, createVault, deleteReplica, plaintext, replicas, replicate, type MadeVault } from '../vaultSteps.ts'
import { connectionsToAll, type HeldConnection } from './heldConnections.ts'
import { mayReplicate, withCloud, workers, type StartedCloud } from './startedCloud.ts'

/**
 * Whatever has become of a vault, its keys and its replica meanwhile: what was encrypted before is opened afterwards by every
 * worker of both regions, each of which had it open when it happened.
 */

const other = 'us-phoenix-1'
const closing: HeldConnection[] = []

afterEach(() => {
  for (const each of closing.splice(0)) each.close()
})

interface Sealed {
  readonly keyId: string
  readonly ciphertext: string
}

class Life {
  readonly #cloud: StartedCloud
  readonly vault: MadeVault
  readonly keys: Readonly<Record<'HSM' | 'SOFTWARE', string>>
  #sealed: readonly Sealed[] = []
  readonly #connections = new Map<string, readonly HeldConnection[]>()

  constructor(cloud: StartedCloud, vault: MadeVault, keys: Life['keys']) {
    this.#cloud = cloud
    this.vault = vault
    this.keys = keys
  }

  /** By each key's current version. */
  async seal(): Promise<void> {
    for (const keyId of Object.values(this.keys)) {
      const { body } = await ok(this.#cloud.call, `${this.vault.endpoint}/20180608/encrypt`, { keyId, plaintext })
      this.#sealed = [...this.#sealed, { keyId, ciphertext: String(body['ciphertext']) }]
    }
  }

  /** It is in no backup. */
  losesSoftwareKey(): void {
    this.#sealed = this.#sealed.filter(({ keyId }) => keyId !== this.keys.SOFTWARE)
  }

  /** Statuses and plaintexts that there were, of all ciphertexts, by every worker of the region that has the endpoint. */
  async opened(region: string, endpoint: string): Promise<ReadonlySet<string>> {
    const url = `${endpoint}/20180608/decrypt`
    const answers: string[] = []
    for (const sealed of this.#sealed) {
      const signed = this.#cloud.sign('POST', url, sealed)
      const held = this.#connections.get(endpoint) ?? (await connectionsToAll(region, url, signed))
      if (!this.#connections.has(endpoint)) closing.push(...held)
      this.#connections.set(endpoint, held)
      expect(held.length).toBeGreaterThanOrEqual(2 * workers)
      for (const { status, body } of await Promise.all(held.map((each) => each.post(url, signed))))
        answers.push(status === 200 ? String(body['plaintext']) : `${status} ${JSON.stringify(body)}`)
    }
    return new Set(answers)
  }
}

async function ok(call: SignedCaller, url: string, body?: Record<string, unknown>, method = 'POST') {
  const answer = await call(method, url, body)
  if (answer.status >= 300)
    throw new Error(`${method} ${url} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
  return answer
}

async function become(call: SignedCaller, url: string, state: string): Promise<void> {
  await until(async () => (await ok(call, url, undefined, 'GET')).body['lifecycleState'] === state)
}

function place(objectName: string) {
  return { backupLocation: { destination: 'BUCKET', namespace: 'n', bucketName: 'b', objectName } }
}

const inSevenDays = () => ({ timeOfDeletion: new Date(Date.now() + 7.5 * 86_400_000).toISOString() })

type Step = (life: Life, cloud: StartedCloud) => Promise<unknown>

const ofEachKey =
  (action: string, body?: () => Record<string, unknown>): Step =>
  async ({ vault, keys }, { call }) => {
    for (const keyId of Object.values(keys))
      await ok(call, `${vault.endpoint}/20180608/keys/${keyId}/${action}`, body?.())
  }

/** What its workers had open is gone in each region, and comes back under the rows that it had. */
const deletedAndRestored: Step = async (life, { call, home, tenancyId, directory }) => {
  const { vault } = life
  const url = `${home}/20180608/vaults/${vault.id}`
  await ok(call, `${url}/actions/backup`, { ...place('vault'), isIncludeKeys: true })
  await ok(call, `${url}/actions/scheduleDeletion`, inSevenDays())
  await askFaultServer(directory, 'clock +8d')
  await become(call, url, 'DELETED')
  life.losesSoftwareKey()
  const restore = `${home}/20180608/vaults/actions/restoreFromObjectStore?compartmentId=${tenancyId}`
  await ok(call, restore, place('vault'))
  await become(call, url, 'ACTIVE')
  // What is left of the replica that went with the vault goes first.
  await until(async () => (await replicas(call, home, vault.id)).length === 0)
  await replicate(call, home, vault, other)
}

const steps: readonly (readonly [string, readonly Step[]])[] = [
  ['keys are rotated', [ofEachKey('keyVersions'), (life) => life.seal()]],
  ['keys are disabled and enabled', [ofEachKey('actions/disable'), ofEachKey('actions/enable')]],
  [
    'keys are nearly deleted',
    [ofEachKey('actions/scheduleDeletion', inSevenDays), ofEachKey('actions/cancelDeletion')],
  ],
  [
    'the replica is deleted and made again',
    [
      ({ vault }, { call, home }) => deleteReplica(call, home, vault, other),
      ({ vault }, { call, home }) => replicate(call, home, vault, other),
    ],
  ],
  ['the vault is deleted with its replica, and restored', [deletedAndRestored]],
]

test('every worker opens what a vault’s keys have sealed, whatever became of it', () =>
  withCloud(async (cloud) => {
    const { call, home, tenancyId } = cloud
    await mayReplicate(call, home, tenancyId)
    const vault = await createVault(call, home, tenancyId, 'VIRTUAL_PRIVATE')
    const made = (['HSM', 'SOFTWARE'] as const).map(async (mode) => [
      mode,
      await createKey(call, vault, tenancyId, mode),
    ])
    const life = new Life(cloud, vault, Object.fromEntries(await Promise.all(made)) as Life['keys'])
    await life.seal()
    const replica = await replicate(call, home, vault, other)
    const everywhere = async () => [await life.opened(home, vault.endpoint), await life.opened(cloud.other, replica)]
    const opened = [new Set([plaintext]), new Set([plaintext])]
    expect(await everywhere()).toEqual(opened)
    for (const [name, parts] of steps) {
      for (const part of parts) await part(life, cloud)
      expect([name, await everywhere()]).toEqual([name, opened])
    }
  }))
