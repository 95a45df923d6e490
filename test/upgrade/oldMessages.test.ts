import { storedBackupKeys } from '../../lib/kms/backup/backupKeys.ts'
import { compartmentById } from '../../lib/kms/identity/compartments.ts'
import { headSeq } from '../../lib/kms/identity/verifyIdentity.ts'
import { workInbox } from '../../lib/replication/messages/inbox.ts'
import { workOutcome } from '../../lib/replication/messages/outcome.ts'
import { coveredOrder } from '../../lib/replication/messages/receipts.ts'
import { regionA, regionB } from '../harness/twoRegions.ts'
import { openRelease } from './openedRelease.ts'
import { readStory, releases, restoreRelease, type KeptMessage, type ReleaseStory } from './release.ts'

type Opened = ReturnType<typeof openRelease>

/** What each kind of message brings about, read before it and after it: the first must differ from the second. */
const effects: Record<KeptMessage['kind'], (opened: Opened, story: ReleaseStory) => unknown> = {
  linkRequest: ({ sent }) => sent.includes('linkOffer'),
  linkOffer: ({ sent }) => sent.includes('linkBundle'),
  linkBundle: async ({ b }, { vaults }) => (await b.cache.freshVault(vaults.linkBundle))?.row.primaryRegion,
  linkAccepted: async ({ a }, { vaults }) => (await a.cache.freshVault(vaults.linkAccepted))?.row.handOffTo,
  records: async ({ b }, { vaults, keys }) => {
    const vault = await b.cache.freshVault(vaults.main)
    return vault && (await b.cache.freshKey(vault.keys, keys.heldBack))?.lifecycleState
  },
  receipts: async ({ a }, { vaults, keys }) => {
    const vault = await a.cache.freshVault(vaults.main)
    return vault && (await coveredOrder(a.tables, vault, keys.unacknowledged))
  },
  purge: async ({ b, sent }, { vaults }) => [sent.includes('task purgeKeys'), await b.cache.freshVault(vaults.purge)],
  purged: async ({ a }, { vaults }) => (await a.cache.freshVault(vaults.purged))?.row.replicaRegion,
  identity: ({ b }, { tenancyId }) => headSeq(b, tenancyId),
  identityReceipt: ({ a }, { tenancyId }) => a.tables.get('Replication', `identityReceipt#${tenancyId}`, regionB),
  compartmentVote: async ({ a }, { tenancyId, compartmentId }) => compartmentById(a, tenancyId, compartmentId),
  backupKeysOffer: ({ sent }) => sent.includes('backupKeysBundle'),
  backupKeysBundle: ({ b }, { tenancyId }) => storedBackupKeys(b, tenancyId),
}

describe.each(releases)('messages of %s', (version) => {
  const story = readStory(version)
  let restored: ReturnType<typeof restoreRelease>
  let opened: Opened
  beforeAll(() => {
    restored = restoreRelease(version)
    opened = openRelease(restored.directory, story)
  })
  afterAll(() => {
    opened.close()
    restored.remove()
  })

  async function deliver({ to, queue, body }: KeptMessage): Promise<void> {
    const region = to === regionA ? opened.a : opened.b
    if (queue === 'outcome') return workOutcome(region, body)
    expect(await workInbox(region, [body])).toEqual([{ outcome: 'done' }])
  }

  test('are there of every kind', () => {
    expect(new Set(story.messages.map(({ kind }) => kind))).toEqual(new Set(Object.keys(effects)))
  })

  test.each(
    story.messages
      .filter(({ isHeldBack, kind }) => isHeldBack && kind !== 'receipts')
      .map((each) => [each.kind, each] as const),
  )('a message %s that had not arrived is understood, and harmless when it comes again', async (kind, message) => {
    const before = await effects[kind](opened, story)
    await deliver(message)
    const after = await effects[kind](opened, story)
    expect(after).not.toEqual(before)
    await deliver(message)
    expect(await effects[kind](opened, story)).toEqual(after)
  })

  test('receipts, which said how far a replica thought it was, are read and not believed', async () => {
    const message = story.messages.find(({ isHeldBack, kind }) => isHeldBack && kind === 'receipts')
    if (message === undefined) throw new Error('The release kept none.')
    await deliver(message)
    expect(await effects.receipts(opened, story)).toBeNull()
  })

  test.each(story.messages.filter(({ isHeldBack }) => !isHeldBack).map((each) => [each.kind, each] as const))(
    'a message %s that the release itself had worked is harmless',
    async (kind, message) => {
      const before = kind === 'backupKeysOffer' ? undefined : await effects[kind](opened, story)
      await deliver(message)
      if (kind === 'backupKeysOffer') expect(opened.sent).toContain('backupKeysBundle')
      else expect(await effects[kind](opened, story)).toEqual(before)
    },
  )
})
