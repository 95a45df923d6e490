import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCertificate, type Certificate, type CertificateFiles } from '../../local/tls/certificateFiles.ts'
import { makeAuthority, makeServerCertificate } from '../../local/tls/makeCertificate.ts'
import { WatchedCertificate } from '../../local/tls/watchedCertificate.ts'
import { withDirectory } from './startedService.ts'

const region = 'us-ashburn-1'
const names = [`kms.${region}.kms.test`, `*.kms.${region}.kms.test`]
const now = Date.now()
const dayMs = 86_400_000
let authority: Certificate
beforeAll(async () => {
  authority = await makeAuthority('test', ['kms.test'], { days: 2000, now })
})

const made = (days = 30, of = names, at = now) => makeServerCertificate(authority, of, { days, now: at })
const filesIn = (directory: string): CertificateFiles => ({
  certFile: join(directory, 'cert.pem'),
  keyFile: join(directory, 'key.pem'),
})
function write({ certFile, keyFile }: CertificateFiles, { cert, key }: Certificate): void {
  writeFileSync(certFile, cert)
  writeFileSync(keyFile, key)
}
const read = (files: CertificateFiles) => readCertificate(files, [region], 'kms.test', now)

function watch(files: CertificateFiles) {
  const lines: unknown[] = []
  const note = (message: string, details?: object) => lines.push([message, details])
  const log = { info: () => undefined, warn: note, error: note }
  const watched = new WatchedCertificate({ files, read: () => read(files), log, region })
  const taken: string[] = []
  watched.onChange(({ cert }) => taken.push(cert))
  return { watched, lines, taken }
}

test('a new certificate is taken once its files have come to rest, and no sooner', () =>
  withDirectory(async (directory) => {
    const files = filesIn(directory)
    const [first, second] = [await made(), await made()]
    write(files, first)
    const { watched, lines, taken } = watch(files)
    writeFileSync(files.certFile, second.cert)
    watched.look()
    writeFileSync(files.keyFile, second.key)
    watched.look()
    expect([watched.current, taken, lines]).toEqual([first, [], []])
    watched.look()
    watched.look()
    expect([watched.current, taken, lines]).toEqual([second, [second.cert], []])
    watched.close()
  }))

test('a bad new certificate leaves the old one in use and is said in one line, and a good one after it is taken', () =>
  withDirectory(async (directory) => {
    const files = filesIn(directory)
    const [first, second] = [await made(), await made()]
    write(files, first)
    const { watched, lines, taken } = watch(files)
    writeFileSync(files.certFile, second.cert)
    for (let looks = 0; looks < 4; looks += 1) watched.look()
    expect(lines).toEqual([
      [
        'The certificate stays as it was: the new one cannot be used.',
        { region, reason: `${files.keyFile} is not the key of the certificate in ${files.certFile}.` },
      ],
    ])
    expect([watched.current, taken]).toEqual([first, []])
    writeFileSync(files.keyFile, second.key)
    for (let looks = 0; looks < 2; looks += 1) watched.look()
    expect([watched.current, taken, lines.length]).toEqual([second, [second.cert], 1])
    watched.close()
  }))

test.each([
  ['expired', () => made(1, names, now - 9 * dayMs), 'expired on'],
  ['of the future', () => made(30, names, now + 9 * dayMs), 'is valid from'],
  ['without the vaults', () => made(30, names.slice(0, 1)), `does not speak for *.kms.${region}.kms.test`],
  [
    'for another region',
    () => made(30, ['kms.b-c-1.kms.test', '*.kms.b-c-1.kms.test']),
    `does not speak for kms.${region}`,
  ],
] as const)('a certificate %s is refused', (_, make, says) =>
  withDirectory(async (directory) => {
    const files = filesIn(directory)
    write(files, await make())
    expect(() => read(files)).toThrow(says)
  }),
)

test.each(['', 'no PEM', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
  'a file that holds %j is no certificate',
  (text) =>
    withDirectory(async (directory) => {
      const files = filesIn(directory)
      write(files, { ...(await made()), cert: text })
      expect(() => read(files)).toThrow(/cert\.pem cannot be used: [^\n]*$/)
    }),
)
