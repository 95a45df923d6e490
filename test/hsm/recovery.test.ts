import { createPublicKey, generateKeyPairSync, hash, sign } from 'node:crypto'
import { canonicalJson } from '../../lib/canonicalJson.ts'
import { asJson } from '../../lib/hsm/formats/statement.ts'
import { encryptBackup, openBackup, parseBackupFile, type BackupFile } from '../../lib/hsm/recovery/backupFile.ts'
import { createRecoveryKey, endorsed, type RecoveryKey } from '../../lib/hsm/recovery/recoveryKey.ts'
import { isAsMade, signedBy } from '../../lib/hsm/recovery/signedRecovery.ts'
import { parseShare, requireCustody, splitRoot, type Share } from '../../lib/hsm/recovery/shares.ts'
import { keysOf } from '../../lib/keysOf.ts'
import { UserError } from '../../lib/userError.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { altered } from './contract/fixtures.ts'

const content = 'what brings a region back'
const region = 'eu-test-1'

function identity() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: async (bytes: Uint8Array) => sign('sha384', bytes, { key: privateKey, dsaEncoding: 'der' }),
  }
}

interface Ceremony {
  readonly recovery: RecoveryKey
  readonly shares: readonly Share[]
  readonly signer: ReturnType<typeof identity>
}

async function aCeremony(name = 'one', at = '2026-11-26T00:00:00Z'): Promise<Ceremony> {
  const { root, ceremony, publicKey, privateKey } = await createRecoveryKey(name, knownRsaPair)
  const shares = await splitRoot(root, ceremony, { custodians: 5, threshold: 3 })
  const signer = identity()
  const identities = { [region]: signer.publicKey }
  const known = { ceremony, at, threshold: 3, shares: shares.map(({ digest }) => digest) }
  return { recovery: endorsed(root, { ...known, publicKey, privateKey, identities }), shares, signer }
}

function aBackup({ recovery, signer }: Ceremony, more: Partial<BackupFile> = {}): Promise<BackupFile> {
  const fields = { at: '2026-11-26T00:00:00Z', version: '1', region, recovery, ...more }
  return encryptBackup({ ...fields, content: Buffer.from(content) }, signer.sign)
}

/** How long what is cleared is, until it is restored. */
function clearedIn(prototype: Uint8Array) {
  const own = Object.getOwnPropertyDescriptor(prototype, 'fill')
  const lengths: number[] = []
  Object.defineProperty(prototype, 'fill', {
    configurable: true,
    writable: true,
    value(this: Uint8Array, value: number) {
      lengths.push(this.length)
      this.set(Array.from({ length: this.length }, () => value))
      return this
    },
  })
  return {
    lengths,
    restore: () => {
      if (own === undefined) Reflect.deleteProperty(prototype, 'fill')
      else Object.defineProperty(prototype, 'fill', own)
    },
  }
}

describe('what three of five custodians hold', () => {
  let ceremony: Ceremony
  let backup: BackupFile
  const those = (...numbers: readonly number[]) => ceremony.shares.filter(({ number }) => numbers.includes(number))
  const opened = async (file: BackupFile, shares: readonly Share[], recovery = file.recovery) => {
    const { content: found, recoveryKey } = await openBackup(file, shares, recovery)
    recoveryKey.fill(0)
    return found.toString()
  }

  beforeAll(async () => {
    ceremony = await aCeremony()
    backup = await aBackup(ceremony)
  })

  test.each(
    [
      [1, 2, 3],
      [1, 2, 4],
      [1, 2, 5],
      [1, 3, 4],
      [1, 3, 5],
      [1, 4, 5],
      [2, 3, 4],
      [2, 3, 5],
      [2, 4, 5],
      [3, 4, 5],
      [1, 2, 3, 4],
      [1, 2, 3, 4, 5],
    ].map((numbers) => ({ numbers })),
  )('the shares $numbers open a backup, as a file that was written and read again', async ({ numbers }) => {
    const read = parseBackupFile('it', JSON.stringify(backup))
    const shares = those(...numbers).map((share) => parseShare('it', JSON.stringify(share)))
    expect(await opened(read, shares)).toBe(content)
  })

  test('fewer do not, and one that is named twice counts once', async () => {
    await expect(opened(backup, those(1, 2))).rejects.toThrow('It takes 3 different shares; there are 2.')
    await expect(opened(backup, [...those(1, 2), ...those(2)])).rejects.toThrow('there are 2.')
    await expect(opened(backup, [])).rejects.toThrow('there are 0.')
  })

  test('a file that says fewer are enough opens no sooner', async () => {
    const file = { ...backup, recovery: { ...backup.recovery, threshold: 2 } }
    await expect(opened(file, those(1, 2))).rejects.toThrow('The shares are right; what the ceremony left')
    await expect(opened(file, those(1, 2, 3))).rejects.toThrow('is damaged in this backup')
  })

  test('a share of another ceremony, or one that was changed, is told from its own', async () => {
    const other = await aCeremony('another')
    const foreign = other.shares.filter(({ number }) => number === 3)
    await expect(opened(backup, [...those(1, 2), ...foreign])).rejects.toThrow(
      'Share 3 is of another ceremony (another)',
    )
    const [third] = those(3)
    if (third === undefined) throw new Error('There are five.')
    for (const changed of [{ share: altered(third.share) }, { number: 4 }, { ceremony: 'another' }, { threshold: 2 }]) {
      expect(() => parseShare('it', JSON.stringify({ ...third, ...changed }))).toThrow('its digest does not fit')
    }
    // By somebody who makes the digest fit.
    const forged = { ...third, share: foreign[0]?.share ?? '' }
    const given = (share: Share) => parseShare(`share${share.number}.json`, JSON.stringify(share))
    const { digest: _, ...unsigned } = forged
    const digestOf = (fields: Omit<Share, 'digest'>) =>
      hash(
        'sha256',
        [fields.format, fields.ceremony, fields.number, fields.custodians, fields.threshold, fields.share].join('\0'),
      )
    for (const changed of [unsigned, { ...unsigned, share: third.share, threshold: 2 }, { ...unsigned, number: 4 }]) {
      const bad = given({ ...changed, digest: digestOf(changed) })
      // Among more than it takes, too.
      for (const more of [[], [5]])
        await expect(opened(backup, [...those(1, 2, ...more).map(given), bad])).rejects.toThrow(
          new RegExp(`^share${bad.number}\\.json is not share ${bad.number} as it was given out`),
        )
    }
  })

  test.each(['', 'no JSON', '{}', '{"format":"vaultspan/recovery-share/2"}', 'null'])(
    '%j is no share, and is not quoted',
    (text) => {
      expect(() => parseShare('it', text)).toThrow(/^it is no share/)
    },
  )

  test.each(['at', 'version', 'region', 'key', 'iv', 'content', 'tag', 'signature'] as const)(
    'a backup whose %s was altered is refused',
    async (member) => {
      await expect(opened({ ...backup, [member]: altered(backup[member]) }, those(1, 2, 3))).rejects.toThrow(
        'The backup was altered, or is not of the region',
      )
    },
  )

  test.each<[string, (file: BackupFile) => Partial<BackupFile>]>([
    ['another key', ({ key }) => ({ key: altered(key) })],
    ['another iv', ({ iv }) => ({ iv: altered(iv) })],
    ['other content', ({ content }) => ({ content: altered(content) })],
    ['another tag', ({ tag }) => ({ tag: altered(tag) })],
    ['half a tag', ({ tag }) => ({ tag: Buffer.from(tag, 'base64').subarray(0, 8).toString('base64') })],
  ])('a backup with %s does not decrypt, though its region signed it', async (_what, change) => {
    const { signature: _, ...unsigned } = { ...backup, ...change(backup) }
    const signature = (await ceremony.signer.sign(Buffer.from(canonicalJson(asJson(unsigned))))).toString('base64')
    await expect(opened({ ...unsigned, signature }, those(1, 2, 3))).rejects.toThrow('The backup does not decrypt')
  })

  test.each(['at', 'publicKey', 'privateKey', 'identities', 'shares', 'mac'] as const)(
    'one whose ceremony had another %s is refused',
    async (member) => {
      const other = await aCeremony('one', '2027-01-01T00:00:00Z')
      const recovery = { ...backup.recovery, [member]: other.recovery[member] }
      const forged = await aBackup({ ...ceremony, recovery })
      await expect(opened(forged, those(1, 2, 3))).rejects.toThrow(
        member === 'shares'
          ? 'is not share 1 as it was given out, or the backup is damaged'
          : 'is damaged in this backup',
      )
      // By another copy of it opens whatever was encrypted for these custodians.
      if (member !== 'publicKey') expect(await opened(forged, those(1, 2, 3), backup.recovery)).toBe(content)
    },
  )

  test('what the ceremony left is signed by each region: whatever is altered of it is found without the shares', async () => {
    const { recovery, signer } = ceremony
    const signed = await signedBy(recovery, [{ region, sign: signer.sign }])
    expect(isAsMade(signed)).toBe(true)
    expect(await opened(await aBackup({ ...ceremony, recovery: signed }), those(1, 2, 3))).toBe(content)
    const otherKey = identity().publicKey
    const changes: readonly Partial<RecoveryKey>[] = [
      { ceremony: 'another' },
      { at: 'then' },
      { threshold: 2 },
      { shares: signed.shares.map(altered) },
      { publicKey: altered(signed.publicKey) },
      { privateKey: altered(signed.privateKey) },
      { identities: { [region]: otherKey } },
      { identities: { ...signed.identities, 'us-test-1': otherKey } },
      { identities: {} },
      { mac: altered(signed.mac) },
      { signatures: {} },
      { signatures: { [region]: altered(signed.signatures?.[region] ?? '') } },
    ]
    for (const change of changes) {
      const damaged = { ...signed, ...change }
      expect({ change, isAsMade: isAsMade(damaged) }).toEqual({ change, isAsMade: false })
    }
    expect(isAsMade(recovery)).toBe(false)
    const second = identity()
    const both = { ...recovery, identities: { ...recovery.identities, 'us-test-1': second.publicKey } }
    const signers = [signer, second].map(({ sign }, index) => ({ region: [region, 'us-test-1'][index] ?? '', sign }))
    expect(isAsMade(await signedBy(both, signers))).toBe(true)
    for (const one of signers) expect(isAsMade(await signedBy(both, [one]))).toBe(false)
    // The shares are not accused.
    const forged = await aBackup({ ...ceremony, recovery: { ...signed, shares: signed.shares.map(altered) } })
    await expect(opened(forged, those(1, 2, 3))).rejects.toThrow('is damaged in this backup')
  })

  test('whatever of it is damaged in a backup, another copy of it opens that', async () => {
    const { recovery, signer } = ceremony
    const signed = await signedBy(recovery, [{ region, sign: signer.sign }])
    const whole = await aBackup({ ...ceremony, recovery: signed })
    for (const member of keysOf(signed)) {
      for (const value of [undefined, 7, 'AAAA', [], {}]) {
        const text = JSON.stringify({ ...whole, recovery: { ...signed, [member]: value } })
        await expect((async () => opened(parseBackupFile('it', text), those(1, 2, 3)))()).rejects.toThrow(UserError)
        expect(await opened(parseBackupFile('it', text, signed), those(1, 2, 3), signed)).toBe(content)
      }
    }
    for (const other of [undefined, null, 'none'])
      expect(
        await opened(
          parseBackupFile('it', JSON.stringify({ ...whole, recovery: other }), signed),
          those(1, 2, 3),
          signed,
        ),
      ).toBe(content)
    // And nothing else that was altered.
    await expect(
      opened({ ...whole, at: 'then', recovery: { ...signed, at: 'then' } }, those(1, 2, 3), signed),
    ).rejects.toThrow('The backup was altered')
  })

  test('a root is cleared where no key comes to be, and so is the copy that is split', async () => {
    const [buffers, copies] = [clearedIn(Buffer.prototype as Uint8Array), clearedIn(Uint8Array.prototype)]
    try {
      await expect(createRecoveryKey('one', () => Promise.reject(new Error('none')))).rejects.toThrow('none')
      expect(buffers.lengths).toEqual([32])
      await splitRoot(Buffer.from('a root of thirty-two bytes, so..'), 'one', { custodians: 3, threshold: 2 })
      expect(copies.lengths).toContain(32)
    } finally {
      for (const each of [buffers, copies]) each.restore()
    }
  })

  test('one that somebody made for them is refused: the public half is no secret, the region’s identity is', async () => {
    const forged = await aBackup({ ...ceremony, signer: identity() })
    await expect(opened(forged, those(1, 2, 3))).rejects.toThrow('is not of the region')
    const elsewhere = await aBackup(ceremony, { region: 'us-test-1' })
    await expect(opened(elsewhere, those(1, 2, 3))).rejects.toThrow('is not of the region us-test-1')
  })

  test('nothing in the file is its content, which is cleared, and no two files are alike', async () => {
    expect(Buffer.from(JSON.stringify(backup)).includes(content)).toBe(false)
    const { recovery, signer } = ceremony
    const given = Buffer.from(content)
    await encryptBackup({ at: '', version: '1', region, recovery, content: given }, signer.sign)
    expect(given).toEqual(Buffer.alloc(content.length))
    const again = await aBackup(ceremony)
    for (const member of ['key', 'iv', 'content'] as const) expect(again[member]).not.toBe(backup[member])
    expect(createPublicKey(backup.recovery.publicKey).asymmetricKeyDetails).toMatchObject({ modulusLength: 4096 })
  })

  test.each(['', 'no JSON', '{}', '{"format":"vaultspan/hsm-backup/2"}'])('%j is no backup', (text) => {
    expect(() => parseBackupFile('it', text)).toThrow(/^it is no backup of hsm backup/)
  })
})

test.each([
  [3, 1],
  [3, 0],
  [3, 4],
  [3, 2.5],
  [1, 1],
  [256, 3],
  [3, NaN],
])('of %d custodians, %d are no threshold', (custodians, threshold) => {
  expect(() => {
    requireCustody({ custodians, threshold })
  }).toThrow('--threshold takes 2 to')
})
