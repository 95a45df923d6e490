import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fingerprint, signTranscript } from '../../lib/hsm/recovery/transcript.ts'
import { parseShare, splitRoot } from '../../lib/hsm/recovery/shares.ts'
import { verifyCeremony } from '../../local/hsm/verifyCeremony.ts'

let folder = ''
let text = ''

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vaultspan-transcript-'))
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const [label, manufacturer, description, version] = ['a token', 'a maker', 'a library', '1']
  const flags = { isToken: true, isPrivate: true, isSensitive: true, isAlwaysSensitive: true }
  const others = { isExtractable: false, isNeverExtractable: true, isLocal: true, isModifiable: false }
  const key = { label: 'a key', kind: 'secret' as const, uses: [], ...flags, ...others }
  const token = { label, manufacturer, model: '', serial: '', hardware: '', firmware: '', keys: [key] }
  const signed = await signTranscript(
    {
      ceremony: 'one',
      at: '2026-11-26T00:00:00Z',
      version,
      threshold: 2,
      shares: ['a', 'b', 'c'],
      recoveryKey: { publicKey: pem, sha256: fingerprint(pem) },
      library: { manufacturer, description, version, cryptoki: '2.40' },
      regions: [{ region: 'eu-test-1', publicKey: pem, tokens: [token] }],
    },
    [{ region: 'eu-test-1', sign: async (bytes) => sign('sha384', bytes, { key: privateKey, dsaEncoding: 'der' }) }],
  )
  text = JSON.stringify(signed)
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
