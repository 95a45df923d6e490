import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { fingerprint } from '../../lib/iam/signature/fingerprint.ts'
import { IdentityCache } from '../../lib/kms/identity/identityCache.ts'
import { appendIdentity } from '../../lib/kms/identity/identityLog.ts'
import { headSeq, verifyIdentity } from '../../lib/kms/identity/verifyIdentity.ts'
import { identitySk } from '../../lib/kms/identity/identityRows.ts'
import type { Item, Tables } from '../../lib/ports.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { tablesWith } from '../../lib/tablesWith.ts'

/** Somebody who can write to the tables, with an API key of their own, and the administrator. */
const pem = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({
  type: 'spki',
  format: 'pem',
}) as string
const ownFingerprint = fingerprint(createPublicKey(pem))
const own = 'ocid1.user.oc1..own'

const cloud = cloudOfEachTest()
let administrator: string
beforeEach(async () => {
  const { runtime } = cloud.a
  const { items } = await runtime.tables.query('Identity', cloud.tenancyId, 'user#', { limit: 9 })
  administrator = items[0]?.sk.slice('user#'.length) ?? ''
  await appendIdentity(runtime, cloud.tenancyId, {
    after: await headSeq(runtime, cloud.tenancyId),
    puts: [
      { sk: identitySk.user(own), kind: 'user', id: own, name: 'own' },
      {
        sk: identitySk.apiKey(own, ownFingerprint),
        kind: 'apiKey',
        userId: own,
        fingerprint: ownFingerprint,
        publicKey: pem,
      },
    ],
  })
})

/** Tables in which a signed row lies, as it is, under another sort key too. */
async function withCopy(from: string, to: string): Promise<Tables> {
  const { tables } = cloud.a.runtime
  const copied = (await tables.get('Identity', cloud.tenancyId, from)) as Item
  return tablesWith(tables, {
    get: async (table, pk, sk) => (sk === to ? copied : tables.get(table, pk, sk)),
    query: async (table, pk, prefix, page) => {
      const found = await tables.query(table, pk, prefix, page)
      return to.startsWith(prefix) ? { ...found, items: [...found.items, copied] } : found
    },
  })
}

const cacheOver = (tables: Tables) => new IdentityCache({ ...cloud.a.runtime, tables }, 0)

test('an API key that was copied to another user is not theirs', async () => {
  expect(await cacheOver(cloud.a.runtime.tables).user(cloud.tenancyId, own, ownFingerprint)).toBeDefined()
  const to = identitySk.apiKey(administrator, ownFingerprint)
  const tables = await withCopy(identitySk.apiKey(own, ownFingerprint), to)
  expect(await cacheOver(tables).user(cloud.tenancyId, administrator, ownFingerprint)).toBeUndefined()
})

test("a membership that was copied to another user's is not theirs", async () => {
  const { items } = await cloud.a.runtime.tables.query('Identity', cloud.tenancyId, 'membership#', { limit: 9 })
  const groupId = items[0]?.sk.split('#')[2] ?? ''
  const tables = await withCopy(identitySk.membership(administrator, groupId), identitySk.membership(own, groupId))
  expect(await cacheOver(tables).user(cloud.tenancyId, own, ownFingerprint)).toMatchObject({ groupIds: [] })
})

test.each([
  ['another sort key', { sk: identitySk.user('ocid1.user.oc1..x') }],
  ['another tenancy', { pk: 'ocid1.tenancy.oc1..x' }],
  ['another kind', { kind: 'group' }],
  ['an entry', { kind: 'entry' }],
] as const)('a row that was looked for as %s does not verify', async (_, other) => {
  const { runtime } = cloud.a
  const place = { pk: cloud.tenancyId, sk: identitySk.user(own), kind: 'user' } as const
  const stored = (await runtime.tables.get('Identity', place.pk, place.sk)) as Item
  expect(await verifyIdentity(runtime, place, stored)).toMatchObject({ id: own })
  await expect(verifyIdentity(runtime, { ...place, ...other }, stored)).rejects.toMatchObject({
    code: 'integrityFailure',
  })
})
