import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { publicKeyPem } from '../../lib/hsm/primitives/p384.ts'
import { fingerprint, signTranscript, type Transcript } from '../../lib/hsm/recovery/transcript.ts'
import { parseShare, splitRoot, type Share } from '../../lib/hsm/recovery/shares.ts'
import { signedBy } from '../../lib/hsm/recovery/signedRecovery.ts'
import { noteCeremony } from '../../local/hsm/unfinishedCeremonies.ts'
import { verifyCeremony } from '../../local/hsm/verifyCeremony.ts'

let folder = ''
let text = ''

/** What a ceremony of one region leaves: its transcript, and recovery.json. */
async function held(ceremony: string, at: string, region: string, shares: readonly string[] = ['a', 'b', 'c']) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const [label, manufacturer, description, version] = ['a token', 'a maker', 'a library', '1']
  const flags = { isToken: true, isPrivate: true, isSensitive: true, isAlwaysSensitive: true }
  const others = { isExtractable: false, isNeverExtractable: true, isLocal: true, isModifiable: false }
  const key = { label: 'a key', kind: 'secret' as const, uses: [], ...flags, ...others }
  const token = { label, manufacturer, model: '', serial: '', hardware: '', firmware: '', keys: [key] }
  const signers = [
    { region, sign: async (bytes: Uint8Array) => sign('sha384', bytes, { key: privateKey, dsaEncoding: 'der' }) },
  ]
  const common = { ceremony, at, threshold: 2, shares: [...shares] }
  const signed = await signTranscript(
    {
      ...common,
      version,
      recoveryKey: { publicKey: pem, sha256: fingerprint(pem) },
      library: { manufacturer, description, version, cryptoki: '2.40' },
      regions: [{ region, publicKey: pem, tokens: [token] }],
    },
    signers,
  )
  const format = 'vaultspan/recovery-key/1' as const
  const secrets = { privateKey: 'AAAA', mac: 'AAAA' }
  const recovery = await signedBy(
    { format, ...common, publicKey: pem, identities: { [region]: pem }, ...secrets },
    signers,
  )
  return { transcript: JSON.stringify(signed), recovery: JSON.stringify(recovery) }
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vaultspan-transcript-'))
  text = (await held('one', '2026-11-26T00:00:00Z', 'eu-test-1')).transcript
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

function verified(content: string): Promise<readonly string[]> {
  const file = join(folder, 'ceremony.json')
  writeFileSync(file, content)
  return verifyCeremony(file, undefined)
}

test.each([
  ['a member', '{"format"', '{"note":"x","format"'],
  ['a member of the library', '"cryptoki"', '"note":"x","cryptoki"'],
  ['a member of the recovery key', '"sha256"', '"note":"x","sha256"'],
  ['a member of a region', '"region":', '"note":"x","region":'],
  ['a member of a token', '"serial"', '"note":"x","serial"'],
  ['a member of a key', '"isLocal"', '"note":"x","isLocal"'],
  ['a member that stands twice', '"threshold":2', '"threshold":3,"threshold":2'],
  ['another signature', '"signatures":{', '"signatures":{"us-test-1":"AAAA",'],
])('a transcript into which somebody has written %s is none', async (_what, from, to) => {
  expect((await verified(text))[0]).toMatch(/^Valid: /)
  expect(text).toContain(from)
  await expect(verified(text.replace(from, to))).rejects.toThrow(/is no transcript|does not verify/)
})

test('a transcript whose own region signed another fingerprint, itself twice or nothing of a region does not verify', async () => {
  const { signatures: _, format: __, ...fields } = JSON.parse(text) as Transcript
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const signBy = async (bytes: Uint8Array) => sign('sha384', bytes, { key: privateKey, dsaEncoding: 'der' })
  const own = { region: 'eu-test-1', publicKey: publicKeyPem(publicKey), tokens: [] }
  const signed = async (change: Partial<typeof fields>) => {
    const regions = change.regions ?? [own]
    const signers = regions.map(({ region }) => ({ region, sign: signBy }))
    return JSON.stringify(await signTranscript({ ...fields, regions, ...change }, signers))
  }
  expect((await verified(await signed({})))[0]).toMatch(/^Valid: /)
  for (const change of [
    { recoveryKey: { ...fields.recoveryKey, sha256: fingerprint('another') } },
    { regions: [own, own] },
    { regions: [] },
  ])
    await expect(verified(await signed(change))).rejects.toThrow('does not verify')
})

test('a share is told from those of the transcript by its ceremony and its digest', async () => {
  const shares = await splitRoot(Buffer.alloc(32, 7), 'one', { custodians: 3, threshold: 2 })
  const file = join(folder, 'share.json')
  writeFileSync(file, JSON.stringify(shares[0]), { mode: 0o600 })
  const { signatures: _, format: __, ...fields } = JSON.parse(text) as Transcript
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const region = { region: 'eu-test-1', publicKey: publicKeyPem(publicKey), tokens: [] }
  const signBy = async (bytes: Uint8Array) => sign('sha384', bytes, { key: privateKey, dsaEncoding: 'der' })
  const looked = async (change: Partial<typeof fields>) => {
    const made = { ...fields, regions: [region], shares: shares.map(({ digest }) => digest), ...change }
    const place = join(folder, 'ceremony.json')
    writeFileSync(place, JSON.stringify(await signTranscript(made, [{ region: region.region, sign: signBy }])))
    return (await verifyCeremony(place, file)).join()
  }
  expect(await looked({})).toContain('is share 1 of this ceremony')
  await expect(looked({ ceremony: 'another' })).rejects.toThrow('is no share of this ceremony')
  await expect(looked({ shares: ['a', 'b', 'c'] })).rejects.toThrow('is no share of this ceremony')
})

test('a share is refused with what was written into it', async () => {
  const [share] = await splitRoot(Buffer.alloc(32, 7), 'one', { custodians: 3, threshold: 2 })
  const content = JSON.stringify(share)
  expect(parseShare('share', content)).toMatchObject({ ...share })
  for (const more of ['"note":"x",', '"threshold":1,'])
    expect(() => parseShare('share', content.replace('{', `{${more}`))).toThrow('is no share')
})

test('a file that is not there is named in a sentence', async () => {
  const none = join(folder, 'none')
  await expect(verifyCeremony(none, undefined)).rejects.toThrow(`${none} cannot be read: there is no such file.`)
  const file = join(folder, 'ceremony.json')
  writeFileSync(file, text)
  await expect(verifyCeremony(file, none)).rejects.toThrow(`${none} cannot be read: there is no such file.`)
})

describe('whether a ceremony is still the cloud’s', () => {
  let shares: readonly Share[]
  let share: string
  const put = (name: string, content: string) => {
    const file = join(folder, name)
    writeFileSync(file, content, { mode: 0o600 })
    return file
  }
  /** Of a cloud whose custodians are of this ceremony; undefined: it has none. */
  const directory = (name: string, recovery?: string) => {
    mkdirSync(join(folder, name, 'hsm'), { recursive: true })
    if (recovery !== undefined) writeFileSync(join(folder, name, 'hsm', 'recovery.json'), recovery)
    return join(folder, name)
  }
  const verify = (...against: string[]) => verifyCeremony(join(folder, 'ceremony.json'), share, against)

  beforeEach(async () => {
    shares = await splitRoot(Buffer.alloc(32, 7), 'one', { custodians: 3, threshold: 2 })
    const digests = shares.map(({ digest }) => digest)
    const { transcript, recovery } = await held('one', '2026-11-26T00:00:00Z', 'eu-test-1', digests)
    put('ceremony.json', transcript)
    put('own.json', recovery)
    share = put('share2.json', JSON.stringify(shares[1]))
    directory('own', recovery)
  })

  test('a share is told with its ceremony, and that the transcript alone knows of no later one', async () => {
    const lines = (await verify()).join('\n')
    expect(lines).toContain(`${share} is share 2 of this ceremony (one, of 2026-11-26T00:00:00Z).`)
    expect(lines).toContain('Whether a later ceremony took its place this alone does not tell: --against')
    const [, other] = await splitRoot(Buffer.alloc(32, 7), 'another', { custodians: 3, threshold: 2 })
    put('share2.json', JSON.stringify(other))
    await expect(verify()).rejects.toThrow('is no share of this ceremony (one), but share 2 of ceremony another')
    const [, again] = await splitRoot(Buffer.alloc(32, 8), 'one', { custodians: 3, threshold: 2 })
    put('share2.json', JSON.stringify(again))
    await expect(verify()).rejects.toThrow('is no share of this ceremony as it gave share 2 out')
  })

  test('the directory, recovery.json and an earlier transcript of the cloud do not replace it', async () => {
    const { transcript } = await held('before', '2025-01-01T00:00:00Z', 'eu-test-1')
    const lines = await verify(join(folder, 'own'), join(folder, 'own.json'), put('before.json', transcript))
    expect(lines.filter((line) => line.endsWith(' is of this ceremony.'))).toHaveLength(2)
    expect(lines.join('\n')).toContain('which is earlier: this one took its place')
  })

  test('a later transcript, a recovery.json and a directory of a later ceremony do, and another cloud’s is told', async () => {
    const later = await held('later', '2027-01-01T00:00:00Z', 'eu-test-1')
    for (const place of [
      put('later.json', later.transcript),
      put('later-recovery.json', later.recovery),
      directory('later', later.recovery),
    ])
      await expect(verify(join(folder, 'own'), place)).rejects.toThrow(
        `REPLACED: ${place} is of ceremony later (2027-01-01T00:00:00Z), which is later than this one (one, `,
      )
    const elsewhere = await held('elsewhere', '2027-01-01T00:00:00Z', 'us-test-1')
    await expect(verify(put('elsewhere.json', elsewhere.transcript))).rejects.toThrow('another cloud')
    const forged = later.transcript.replace('2027', '2028')
    await expect(verify(put('forged.json', forged))).rejects.toThrow('does not verify')
    await expect(verify(join(folder, 'none'))).rejects.toThrow('there is no such file')
  })

  test('a ceremony that did not end, and a cloud without custodians, make its shares worthless', async () => {
    const { recovery } = await held('later', '2025-01-01T00:00:00Z', 'eu-test-1')
    for (const data of [directory('killed'), directory('again', recovery)]) {
      noteCeremony(data, { ceremony: 'one', publicKey: 'x' })
      await expect(verify(data)).rejects.toThrow(`GIVEN UP: by ${data} this ceremony (one, `)
    }
    await expect(verify(directory('without'))).rejects.toThrow('has no custodians')
  })
})
