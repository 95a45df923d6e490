import { signaturesUnder } from '../../lib/hsm/formats/statement.ts'
import { p384PublicKey } from '../../lib/hsm/primitives/p384.ts'
import { checkAudit, type AuditReport } from '../../lib/kms/auditChain/checkAudit.ts'
import { realm } from '../../lib/ocid.ts'
import {
  headBytes,
  headHash,
  headKey,
  placesDigest,
  type AuditHead,
  type HeadRow,
  type PeerHeadRow,
} from '../../lib/kms/auditChain/auditHead.ts'
import { send } from '../../lib/replication/messages/send.ts'
import { tellAuditHeads } from '../../lib/replication/auditHeads.ts'
import { tablesWith } from '../../lib/tablesWith.ts'
import { auditsIn } from '../../local/audit/storeAudit.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionA, regionB } from '../harness/twoRegions.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'

const cloud = cloudOfEachTest()

async function verify(): Promise<AuditReport> {
  const now = cloud.clock.now / 1000
  const files = [
    { region: regionA, database: cloud.a.store.database },
    { region: regionB, database: cloud.b.store.database },
  ]
  const [audit] = auditsIn(files)
  const root = p384PublicKey(cloud.a.hsm.trustRoot(cloud.tenancyId))
  if (audit === undefined || root === undefined) throw new Error('There is no region.')
  return checkAudit(audit, signaturesUnder(root, realm), now)
}

async function told(): Promise<readonly unknown[]> {
  const { items } = await cloud.b.store.tables.query('Audit', `peerAuditHead#${regionA}`, '', { limit: 10 })
  return (items as readonly PeerHeadRow[]).map(({ head }) => head.number)
}

/** So many changes, each covered by a head; the other region is told of them. */
async function changes(count: number): Promise<void> {
  const vaultId = await makeVault(cloud)
  for (let index = 0; index < count; index += 1) {
    await makeKey(cloud, vaultId)
    await cloud.a.chain.seal()
  }
  await tellAuditHeads(cloud.a.runtime)
  await cloud.settle()
}

test('a region knows the last head of its peer, once however often it is told', async () => {
  await changes(3)
  expect(await told()).toEqual([3])
  await tellAuditHeads(cloud.a.runtime)
  await cloud.settle()
  expect(cloud.link.sent.filter(({ body }) => body.includes('auditHeads'))).toHaveLength(1)
  expect(await verify()).toMatchObject({ findings: [] })
})

test('whoever cuts the chain off with its heads is found by what the peer was told', async () => {
  await changes(3)
  const { database } = cloud.a.store
  database.exec("DELETE FROM item WHERE tbl = 'Audit' AND pk LIKE 'auditHead#%' AND sk > '0000000001'")
  database.exec("DELETE FROM item WHERE tbl = 'Audit' AND json_extract(body, '$.chain.seq') > 2")
  const { findings } = await verify()
  expect(findings).toMatchObject([
    { kind: 'cut', says: expect.stringContaining(`${regionB} was told of it`) as unknown },
  ])
})

test('so is one who deletes all of it', async () => {
  await changes(2)
  cloud.a.store.database.exec("DELETE FROM item WHERE tbl = 'Audit'")
  expect((await verify()).findings).toMatchObject([{ kind: 'cut' }])
})

test('so is one who has the region sign another chain from there on', async () => {
  await changes(2)
  const { database } = cloud.a.store
  const body = String(
    database.prepare("SELECT body FROM item WHERE pk LIKE 'auditHead#%' AND sk = '0000000002'").get()?.['body'],
  )
  const { head, ...row } = JSON.parse(body) as { head: Record<string, unknown> }
  const other = { ...head, signedAt: 1 }
  const signature = (await cloud.a.hsm.sign(headBytes(other))).toString('base64')
  const forged = JSON.stringify({ ...row, head: { ...other, signature } })
  database.prepare("UPDATE item SET body = ? WHERE pk LIKE 'auditHead#%' AND sk = '0000000002'").run(forged)
  expect((await verify()).findings).toMatchObject([
    { kind: 'cut', says: expect.stringContaining('is another than it was') as unknown },
  ])
})

/** What a region says of its audit under its own signature, true or not. */
async function tellForged(change: (last: AuditHead) => Partial<AuditHead>): Promise<void> {
  const { items } = await cloud.b.store.tables.query('Audit', `peerAuditHead#${regionA}`, '', { limit: 9 })
  const { head: last } = items.at(-1) as PeerHeadRow
  await tellSigned(await signed({ ...last, ...change(last) }))
}

async function signed(head: AuditHead): Promise<AuditHead> {
  return { ...head, signature: (await cloud.a.hsm.sign(headBytes(head))).toString('base64') }
}

async function tellSigned(head: AuditHead): Promise<void> {
  const to = { region: regionB, queue: 'inbox', tenancyId: cloud.tenancyId } as const
  await send(cloud.a.runtime, to, { kind: 'auditHeads', heads: [head] })
  await cloud.settle()
}

describe('a region that has its chain signed anew and tells its peer a later head of that', () => {
  test('is found by the one it told first, which stays where it was told', async () => {
    await changes(2)
    const { database } = cloud.a.store
    const rowOf = "pk LIKE 'auditHead#%' AND sk = '0000000002'"
    const body = String(database.prepare(`SELECT body FROM item WHERE ${rowOf}`).get()?.['body'])
    const second = JSON.parse(body) as HeadRow
    // Signed anew, and one more behind it, which the peer is told.
    const forged = await signed({ ...second.head, signedAt: 1 })
    database.prepare(`UPDATE item SET body = ? WHERE ${rowOf}`).run(JSON.stringify({ ...second, head: forged }))
    const places = { links: [], absent: [], expiries: [] }
    const third = await signed({
      ...forged,
      number: 3,
      from: forged.to + 1,
      places: placesDigest(places),
      previous: { hash: headHash(forged), keptUntil: forged.keptUntil },
    })
    await cloud.a.store.tables.write([{ op: 'put', table: 'Audit', item: { ...headKey(third), head: third, places } }])
    await tellSigned(third)
    expect(await told()).toEqual([2, 3])
    expect((await verify()).findings).toMatchObject([
      { kind: 'cut', says: expect.stringMatching(/^Head 2 .*is another than it was/) as unknown },
    ])
  })

  test('nor by one that follows it and expires before it', async () => {
    await changes(1)
    await tellForged((last) => ({
      number: 2,
      previous: { hash: headHash(last), keptUntil: null },
      keptUntil: cloud.clock.now / 1000 + 60,
    }))
    expect(await told()).toEqual([1, 2])
  })

  test('does not take it back by many that follow nothing', async () => {
    await changes(2)
    for (let count = 0; count < 5; count += 1)
      await tellForged((last) => ({ number: last.number + 10, signedAt: count }))
    expect(await told()).toEqual([2, 12, 22, 32, 42, 52])
  })

  test('nor by another head of the same number', async () => {
    await changes(2)
    await tellForged(() => ({ signedAt: 1 }))
    expect(await told()).toEqual([2, 2])
    expect((await verify()).findings).toMatchObject([{ kind: 'cut' }])
  })
})

test('a head that its region has not signed is not kept', async () => {
  await changes(1)
  const { items } = await cloud.b.store.tables.query('Audit', `peerAuditHead#${regionA}`, '', { limit: 9 })
  const { head } = items[0] as PeerHeadRow
  await tellSigned({ ...head, number: 2 })
  expect(await told()).toEqual([1])
})

test('a peer that cannot be reached is told later, of the last head only', async () => {
  cloud.link.isUp = false
  await changes(2)
  expect(await told()).toEqual([])
  cloud.link.isUp = true
  await tellAuditHeads(cloud.a.runtime)
  await cloud.settle()
  expect(await told()).toEqual([2])
})

test('an earlier head that comes late changes nothing', async () => {
  await changes(1)
  const first = cloud.link.sent.find(({ body }) => body.includes('auditHeads'))?.body ?? ''
  await changes(1)
  expect(await told()).toEqual([2])
  await cloud.b.store.queues.send('inbox', [{ body: first }])
  await cloud.settle()
  expect(await told()).toEqual([2])
})

test('a head of another region than the one that tells it is refused, whoever signed it', async () => {
  await changes(1)
  const { items } = await cloud.b.store.tables.query('Audit', `peerAuditHead#${regionA}`, '', { limit: 1 })
  const { head } = items[0] as PeerHeadRow
  const another = { ...head, signedAt: 1 }
  const signedHere = { ...another, signature: (await cloud.b.hsm.sign(headBytes(another))).toString('base64') }
  const to = { region: regionA, queue: 'inbox', tenancyId: cloud.tenancyId } as const
  for (const told of [head, signedHere]) await send(cloud.b.runtime, to, { kind: 'auditHeads', heads: [told] })
  await cloud.settle()
  const kept = await cloud.a.store.tables.query('Audit', `peerAuditHead#${regionA}`, '', { limit: 1 })
  expect(kept.items).toEqual([])
})

test('a head that is signed while an earlier one is struck off is told later', async () => {
  const vaultId = await makeVault(cloud)
  await makeKey(cloud, vaultId)
  await cloud.a.chain.seal()
  const { tables } = cloud.a.runtime
  let isSigned = false
  const write: typeof tables.write = async (writes, ...rest) => {
    if (!isSigned && writes.some(({ op }) => op === 'delete')) {
      isSigned = true
      await makeKey(cloud, vaultId)
      await cloud.a.chain.seal()
    }
    return tables.write(writes, ...rest)
  }
  await tellAuditHeads({ ...cloud.a.runtime, tables: tablesWith(tables, { write }) })
  await cloud.settle()
  await tellAuditHeads(cloud.a.runtime)
  await cloud.settle()
  expect(isSigned).toBe(true)
  expect(await told()).toEqual([2])
})
