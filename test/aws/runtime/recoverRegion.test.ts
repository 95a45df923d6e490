import { recoverRegion, recoverSteps } from '../../../lib/aws/putBack/recoverRegion.ts'
import type { StandingVaults } from '../../../lib/replication/takeBack/standing.ts'
import { tablesWith } from '../../../lib/tablesWith.ts'
import { makeVault } from '../../harness/vaultStory.ts'
import { cloudOfEachTest } from '../../harness/cloudOfEachTest.ts'
import type { TestRegion } from '../../harness/twoRegions.ts'
import { putBackAndRecover } from '../harness/putBackAndRecover.ts'

const cloud = cloudOfEachTest()

test('what the peer has comes back, and a vault that was made since is told as lost', async () => {
  const { takenBack, lost } = await putBackAndRecover(cloud, (work) => work())
  expect(takenBack).toEqual({ vaults: expect.any(Number) as number, keys: 1 })
  expect(takenBack.vaults).toBeGreaterThan(0)
  expect(lost).toHaveLength(1)
})

test('indexes that lag behind, as right after the copy, hide none of it', async () => {
  for (const { store } of [cloud.a, cloud.b])
    Object.assign(store.tables, { queryIndex: () => Promise.resolve({ items: [] }) })
  const { takenBack, lost } = await putBackAndRecover(cloud, (work) => work())
  expect(takenBack).toEqual({ vaults: 2, keys: 1 })
  expect(lost).toHaveLength(1)
})

test('vaults come in parts, each once', async () => {
  const made = [await makeVault(cloud), await makeVault(cloud), await makeVault(cloud)]
  const { tables } = cloud.a.runtime
  const small = tablesWith(tables, { scan: (table, page) => tables.scan(table, { ...page, limit: 4 }) })
  const ports = { ...asked(cloud.a), runtime: { ...cloud.a.runtime, tables: small } }
  const ids: string[] = []
  let after: string | null = null
  let parts = 0
  do {
    const part: StandingVaults = await recoverSteps(ports).vaultsAfter(cloud.tenancyId, after)
    ids.push(...part.vaults.map(({ vault }) => vault.id))
    after = part.next ?? null
    parts += 1
  } while (after !== null)
  expect(ids.toSorted()).toEqual(made.toSorted())
  expect(parts).toBeGreaterThan(1)
})

const known = () => Promise.resolve(0)
const asked = ({ runtime }: TestRegion) => ({ runtime, tenancyIds: [cloud.tenancyId], known })

test('a step that is not there is refused by its name', async () => {
  await expect(recoverRegion(asked(cloud.a), { step: 'constructor' as 'fenceOf', args: ['x'] })).rejects.toThrow(
    'There is no step "constructor".',
  )
})

test('answers and arguments of every step can be sent as JSON', async () => {
  const ports = asked(cloud.a)
  expect(await recoverRegion(ports, { step: 'tenancyIds', args: [] })).toEqual([cloud.tenancyId])
  expect(await recoverRegion(ports, { step: 'lookForPutBack', args: [] })).toBeNull()
  expect(await recoverRegion(ports, { step: 'vaultsAfter', args: [cloud.tenancyId, null] })).toEqual({
    vaults: [],
  })
  expect(await recoverRegion(ports, { step: 'endPutBack', args: [4] })).toBeNull()
})

test('the end of a recovery is in the audit of every tenancy, as an act at the host', async () => {
  const { now } = cloud.clock
  const putBack = { missingChanges: 3, knownChanges: 9, takenBack: { vaults: 1, keys: 2 }, lostVaults: 0 }
  await recoverRegion(asked(cloud.a), { step: 'endPutBack', args: [9, putBack] })
  const [from, to] = [new Date(now - 60_000), new Date(now + 60_000)].map((time) => time.toISOString())
  const path = `/20190901/auditEvents?compartmentId=${cloud.tenancyId}&startTime=${from}&endTime=${to}`
  const { list } = await cloud.call(cloud.a, 'GET', path)
  expect(list.filter(({ data }) => (data as { eventName: string }).eventName === 'RecoverRegion')).toMatchObject([
    {
      data: {
        identity: { principalName: 'operator at the host', principalId: null, authType: 'host' },
        resourceName: 'us-ashburn-1',
        stateChange: { current: putBack },
      },
    },
  ])
})
