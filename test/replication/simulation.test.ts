import fc from 'fast-check'
import { regionB, twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import {
  createReplica,
  decrypt,
  deleteReplica,
  encrypt,
  makeKey,
  makeReplicatedVault,
  replicaStatus,
} from '../harness/vaultStory.ts'

/**
 * Seeded schedules over the real functions: callers work, links fail, messages repeat and change order, queues and
 * streams run or do not; then everything heals and the two regions must agree.
 */

interface World {
  readonly cloud: TestCloud
  readonly vaultId: string
  readonly keyIds: string[]
  readonly ciphertexts: { keyId: string; ciphertext: unknown }[]
}

const steps = {
  createKey: async ({ cloud, vaultId, keyIds, ciphertexts }: World) => {
    const { status, body } = await makeKey(cloud, vaultId)
    if (status !== 200) return
    const keyId = String(body['id'])
    keyIds.push(keyId)
    ciphertexts.push({ keyId, ciphertext: await encrypt(cloud, cloud.a, vaultId, keyId) })
  },
  rotate: async (world: World, pick: number) => {
    const keyId = pickKey(world, pick)
    if (keyId === undefined) return
    const { cloud, vaultId } = world
    const { status } = await cloud.call(cloud.a, 'POST', `/20180608/keys/${keyId}/keyVersions`, {}, { host: vaultId })
    if (status === 200) world.ciphertexts.push({ keyId, ciphertext: await encrypt(cloud, cloud.a, vaultId, keyId) })
  },
  toggle: async (world: World, pick: number) => {
    const keyId = pickKey(world, pick)
    if (keyId === undefined) return
    const { cloud, vaultId } = world
    await cloud.call(cloud.a, 'POST', `/20180608/keys/${keyId}/actions/disable`, undefined, { host: vaultId })
    await cloud.call(cloud.a, 'POST', `/20180608/keys/${keyId}/actions/enable`, undefined, { host: vaultId })
  },
  cut: async ({ cloud }: World) => {
    cloud.link.isUp = false
  },
  heal: async ({ cloud }: World) => {
    cloud.link.isUp = true
  },
  pump: async ({ cloud }: World) => {
    await cloud.settle(2)
  },
  repeatMessages: async ({ cloud }: World, pick: number) => {
    const sent = cloud.link.sent.filter(({ to }) => to === regionB)
    for (const index of [pick, pick * 7, pick * 13]) {
      const message = sent[index % Math.max(1, sent.length)]
      if (message !== undefined) await cloud.b.store.queues.send(message.queue, [{ body: message.body }])
    }
  },
  deleteReplica: async ({ cloud, vaultId }: World) => {
    await deleteReplica(cloud, vaultId)
  },
  createReplica: async ({ cloud, vaultId }: World) => {
    await createReplica(cloud, vaultId)
  },
} as const satisfies Record<string, (world: World, pick: number) => Promise<void>>

function pickKey({ keyIds }: World, pick: number): string | undefined {
  return keyIds[pick % Math.max(1, keyIds.length)]
}

type StepName = keyof typeof steps
const stepNames = Object.keys(steps) as StepName[]
const schedule = fc.array(fc.tuple(fc.constantFrom(...stepNames), fc.nat(1000)), { minLength: 5, maxLength: 25 })

async function converge({ cloud, vaultId }: World): Promise<void> {
  cloud.link.isUp = true
  await cloud.settle(200)
  if ((await replicaStatus(cloud, vaultId)) === undefined) {
    await createReplica(cloud, vaultId)
    await cloud.settle(200)
  }
}

async function requireAgreement({ cloud, vaultId, keyIds, ciphertexts }: World): Promise<void> {
  expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
  for (const keyId of keyIds) {
    const [source, replica] = await Promise.all(
      [cloud.a, cloud.b].map((region) =>
        cloud.call(region, 'GET', `/20180608/keys/${keyId}`, undefined, { host: vaultId }),
      ),
    )
    expect(replica?.body).toEqual({ ...source?.body, isPrimary: false })
  }
  for (const { keyId, ciphertext } of ciphertexts) {
    expect(await decrypt(cloud, cloud.b, vaultId, keyId, ciphertext)).toMatchObject({ status: 200 })
  }
  const atRisk = await cloud.a.store.tables.query('Replication', `atRisk#${regionB}`, '', { limit: 10 })
  expect(atRisk.items).toEqual([])
  for (const { store } of [cloud.a, cloud.b]) expect(await store.queues.deadLetters('inbox', 10)).toEqual([])
}

test.each([false, true])(
  'whatever fails in between, both regions agree once everything heals (strict hand-off: %s)',
  async (isStrict) => {
    await fc.assert(
      fc.asyncProperty(schedule, async (plan) => {
        const cloud = await twoRegions({ isStrict })
        try {
          const world: World = { cloud, vaultId: await makeReplicatedVault(cloud), keyIds: [], ciphertexts: [] }
          for (const [name, pick] of plan) await steps[name](world, pick)
          await converge(world)
          await requireAgreement(world)
        } finally {
          cloud.close()
        }
      }),
      {
        seed: Number(process.env['SIMULATION_SEED'] ?? 1),
        numRuns: Number(process.env['SIMULATION_RUNS'] ?? 8),
        endOnFailure: true,
      },
    )
  },
)
