import { randomBytes } from 'node:crypto'
import type { AuditEvent } from '../../lib/kms/audit.ts'
import { newOcid } from '../../lib/ocid.ts'
import { GroupedAuditSink } from '../../lib/kms/groupedAuditSink.ts'
import { addUser } from '../harness/addUser.ts'
import { makeCompartment, makeKeyIn } from '../harness/compartmentStory.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { decrypt, encrypt, makeKey, makeVault } from '../harness/vaultStory.ts'

/** Where events are filed, which are there at all, and what happens where they cannot be. */

let cloud: TestCloud
afterEach(() => {
  cloud.close()
})

async function flush(): Promise<void> {
  const { audit } = cloud.a.runtime
  if (audit instanceof GroupedAuditSink) await audit.flush()
}

/** The partitions into which events are written from now on. */
function partitionsWritten(): readonly string[] {
  const written: string[] = []
  cloud.a.store.tables.onCommit((touched) => {
    for (const { table, pk } of touched) if (table === 'Audit') written.push(pk)
  })
  return written
}

/** What the administrator is shown of a compartment's last day, the listings themselves aside. */
async function eventsIn(compartmentId: string): Promise<readonly AuditEvent[]> {
  await flush()
  return storedIn(compartmentId)
}

async function storedIn(compartmentId: string): Promise<readonly AuditEvent[]> {
  const [startTime, endTime] = [-1, 1].map((days) => new Date(cloud.clock.now + days * 86_400_000).toISOString())
  const found: AuditEvent[] = []
  for (let page = ''; ;) {
    const target = `/20190901/auditEvents?compartmentId=${compartmentId}&startTime=${startTime ?? ''}&endTime=${endTime ?? ''}${page}`
    const { list, headers } = await cloud.call(cloud.a, 'GET', target)
    found.push(...(list as readonly AuditEvent[]))
    if (headers['opc-next-page'] === undefined) break
    page = `&page=${headers['opc-next-page']}`
  }
  return found.filter(({ data }) => data['eventName'] !== 'ListEvents')
}

const told = (events: readonly AuditEvent[]) =>
  events.map(({ data }) => [data['eventName'], (data['response'] as { status: string }).status])

describe('a refusal', () => {
  test('is filed under the root, not under the compartment that the caller names', async () => {
    cloud = await twoRegions()
    const named = await makeCompartment(cloud, 'named')
    const vaultId = await makeVault(cloud)
    const key = await makeKeyIn(cloud, cloud.a, vaultId, named)
    const foreign = await cloud.addTenancy()
    const stranger = await addUser(cloud, 'Strangers', [])
    await flush()
    const written = partitionsWritten()
    for (const compartmentId of [named, foreign.tenancyId, newOcid(randomBytes, 'compartment')]) {
      const details = { compartmentId, displayName: 'v', vaultType: 'DEFAULT' }
      expect((await stranger(cloud.a, 'POST', '/20180608/vaults', details)).status).toBe(404)
      const keyDetails = { compartmentId, displayName: 'k', keyShape: { algorithm: 'AES', length: 32 } }
      expect((await stranger(cloud.a, 'POST', '/20180608/keys', keyDetails, { host: vaultId })).status).toBe(404)
    }
    const keyPath = `/20180608/keys/${String(key.body['id'])}`
    expect((await stranger(cloud.a, 'GET', keyPath, undefined, { host: vaultId })).status).toBe(404)
    await flush()
    expect(written).not.toEqual([])
    expect(written.filter((pk) => pk.includes(foreign.tenancyId) || pk.includes(named))).toEqual([])
    const refused = (await eventsIn(cloud.tenancyId)).filter(
      ({ data }) => (data['response'] as { status: string }).status === '404',
    )
    expect(refused.map(({ data }) => data['eventName'])).toEqual([
      ...Array.from({ length: 3 }, () => ['CreateVault', 'CreateKey']).flat(),
      'GetKey',
    ])
    expect(refused.at(-1)?.data['resourceId']).toBe(key.body['id'])
  })
})

test('a change in a compartment is listed there though nothing else happens in it', async () => {
  cloud = await twoRegions()
  const quiet = await makeCompartment(cloud, 'quiet')
  const vaultId = await makeVault(cloud)
  await makeKeyIn(cloud, cloud.a, vaultId, quiet)
  expect(told(await eventsIn(quiet))).toEqual([['CreateKey', '200']])
})

test('a change is listed though the process ends as soon as it has committed', async () => {
  cloud = await twoRegions()
  const quiet = await makeCompartment(cloud, 'quiet')
  const vaultId = await makeVault(cloud)
  cloud.clock.now += 60_000
  const { tables } = cloud.a.store
  const write = tables.write.bind(tables)
  let hasEnded = false
  tables.write = async (writes, ...more) => {
    if (hasEnded) throw new Error('the process is gone')
    hasEnded = writes.some((each) => each.op === 'put' && each.item.sk === 'key')
    return write(writes, ...more)
  }
  await makeKeyIn(cloud, cloud.a, vaultId, quiet)
  expect(hasEnded).toBe(true)
  tables.write = write
  expect(told(await storedIn(quiet))).toEqual([['CreateKey', '200']])
})

describe('a failed authentication', () => {
  const forged = (tenancyId = cloud.tenancyId) => {
    const keyId = `${tenancyId}/${newOcid(randomBytes, 'user')}/${'00:'.repeat(15)}00`
    const authorization = `Signature version="1",keyId="${keyId}",algorithm="rsa-sha256",headers="date (request-target) host",signature="AAAA"`
    return cloud.call(cloud.a, 'GET', '/20180608/vaults?compartmentId=x', undefined, { headers: { authorization } })
  }
  const failures = async () =>
    (await eventsIn(cloud.tenancyId)).filter(({ data }) => (data['response'] as { status: string }).status === '401')

  test('is recorded under the root of the tenancy that it names, as nobody’s', async () => {
    cloud = await twoRegions()
    expect((await forged()).status).toBe(401)
    const [event, ...others] = await failures()
    expect(others).toEqual([])
    expect(event?.data).toMatchObject({
      eventName: 'ListVaults',
      identity: { principalName: null, credentials: null, tenantId: cloud.tenancyId, ipAddress: '127.0.0.1' },
      additionalDetails: { authentication: 'failed', passedOver: 0 },
    })
  })

  test('that names no tenancy of this service leaves nothing', async () => {
    cloud = await twoRegions()
    const unknown = newOcid(randomBytes, 'tenancy')
    const written = partitionsWritten()
    expect((await forged(unknown)).status).toBe(401)
    await flush()
    expect(written).toEqual([])
  })

  test('is recorded so often a minute, and the next one says how many were not', async () => {
    cloud = await twoRegions()
    for (let count = 0; count < 50; count += 1) await forged()
    expect(await failures()).toHaveLength(30)
    cloud.clock.now += 60_000
    await forged()
    expect((await failures()).at(-1)?.data['additionalDetails']).toEqual({ authentication: 'failed', passedOver: 20 })
  })
})

describe('where the audit of crypto is required', () => {
  test('a call is answered only with its event in the table', async () => {
    cloud = await twoRegions({ cryptoAudit: 'required' })
    const vaultId = await makeVault(cloud)
    const key = await makeKey(cloud, vaultId)
    const ciphertext = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
    const { tables } = cloud.a.store
    const [write, putTexts] = [tables.write.bind(tables), tables.putTexts.bind(tables)]
    tables.write = () => Promise.reject(new Error('throttled'))
    tables.putTexts = () => Promise.reject(new Error('throttled'))
    const refused = await decrypt(cloud, cloud.a, vaultId, key.body['id'], ciphertext)
    expect(refused).toMatchObject({ status: 503, body: { code: 'ServiceUnavailable' } })
    expect(refused.headers['retry-after']).toBe('1')
    expect(refused.text).not.toContain('plaintext')
    Object.assign(tables, { write, putTexts })
    // Nothing is flushed in between.
    const decrypted = async () =>
      told(await storedIn(cloud.tenancyId)).filter(([name, status]) => name === 'Decrypt' && status === '200')
    expect(await decrypted()).toEqual([])
    expect((await decrypt(cloud, cloud.a, vaultId, key.body['id'], ciphertext)).status).toBe(200)
    expect(await decrypted()).toEqual([['Decrypt', '200']])
  })
})
