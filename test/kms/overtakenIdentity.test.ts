import { IdentityCache } from '../../lib/kms/identity/identityCache.ts'
import { identitySk } from '../../lib/kms/identity/identityRows.ts'
import type { Tables } from '../../lib/ports.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'

/** A change that is made, and told to the cache, while a reading of what was before is still on its way. */

const cloud = cloudOfEachTest()

/** Tables of which one read has its answer but keeps it, until it is let go. */
function heldReads(of: Tables) {
  let wanted: string | undefined
  let letGo: () => void = () => undefined
  let reached: () => void = () => undefined
  const held = new Promise<void>((resolve) => (reached = resolve))
  const untilLetGo = new Promise<void>((resolve) => (letGo = resolve))
  const tables: Tables = Object.assign(Object.create(of) as Tables, {
    get: async (...[table, pk, sk]: Parameters<Tables['get']>) => {
      const item = await of.get(table, pk, sk)
      if (table === 'Identity' && sk === wanted) {
        wanted = undefined
        reached()
        await untilLetGo
      }
      return item
    },
  })
  const hold = (sk: string) => {
    wanted = sk
    return held
  }
  return {
    tables,
    hold,
    letGo: () => {
      letGo()
    },
  }
}

const policies = '/20160918/policies'

async function makePolicy(name: string): Promise<string> {
  const statements = ['Allow any-user to read keys in tenancy']
  const details = { compartmentId: cloud.tenancyId, name, description: 'd', statements }
  return String((await cloud.call(cloud.a, 'POST', policies, details)).body['id'])
}

async function aSlowReading() {
  const { tables, hold, letGo } = heldReads(cloud.a.runtime.tables)
  const cache = new IdentityCache({ ...cloud.a.runtime, tables }, 60_000)
  const withdrawn = await makePolicy('withdrawn')
  const { seq } = await cache.tenancy(cloud.tenancyId)
  await makePolicy('another')
  cache.invalidate(cloud.tenancyId)
  const isHeld = hold(identitySk.log(seq + 1))
  const slow = cache.tenancy(cloud.tenancyId)
  await isHeld
  expect((await cloud.call(cloud.a, 'DELETE', `${policies}/${withdrawn}`)).status).toBe(204)
  cache.invalidate(cloud.tenancyId)
  return { cache, slow, letGo, withdrawn }
}

test('whoever comes after the change is judged by it, though the older reading ends later', async () => {
  const { cache, slow, letGo, withdrawn } = await aSlowReading()
  letGo()
  await slow
  const { policies: seen } = await cache.tenancy(cloud.tenancyId)
  expect(seen.map(({ id }) => id)).not.toContain(withdrawn)
})

test('an older reading takes the place of no newer one', async () => {
  const { cache, slow, letGo, withdrawn } = await aSlowReading()
  const { seq } = await cache.tenancy(cloud.tenancyId)
  letGo()
  await slow
  expect(cache.fresh(cloud.tenancyId)?.tenancy.seq).toBe(seq)
  expect(cache.known(cloud.tenancyId)?.policies.map(({ id }) => id)).not.toContain(withdrawn)
})
