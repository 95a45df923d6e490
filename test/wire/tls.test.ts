import { request } from 'node:https'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTcp } from 'node:net'
import { connect, getCACertificates, setDefaultCACertificates } from 'node:tls'
import type { models } from 'oci-keymanagement'
import { until } from '../harness/until.ts'
import { resolveToLoopback } from '../../local/resolveToLoopback.ts'
import { authorityFile, localAuthority } from '../../local/tls/localAuthority.ts'
import type { CertificateFiles } from '../../local/tls/certificateFiles.ts'
import { allowReplication, base64, makeKey, makeVault, ociCloud, replicate, type OciCloud } from './ociCloud.ts'

/** The official client over TLS and names, as --tls has it. */

const regions = ['us-ashburn-1', 'us-phoenix-1']
const folder = mkdtempSync(join(tmpdir(), 'vaultspan-tls-'))
const trusted = getCACertificates('default')
const authority = (domain = 'kms.test', at = folder) => localAuthority({ folder: at, domain, regions, now: Date.now() })
let files: CertificateFiles
let oci: OciCloud
let vault: models.Vault
let key: models.Key
let replica: { management: string; crypto: string }
let forgetNames: () => void

beforeAll(async () => {
  forgetNames = resolveToLoopback('.kms.test')
  files = await authority()
  setDefaultCACertificates([...trusted, readFileSync(authorityFile(folder), 'utf8')])
  oci = await ociCloud({
    advertised: { scheme: 'https', by: 'names', host: 'kms.test', portShift: 0 },
    certificate: files,
  })
  vault = await makeVault(oci)
  await allowReplication(oci)
  replica = await replicate(oci, vault.id)
  key = await makeKey(oci, vault)
})
afterAll(async () => {
  await oci.close()
  forgetNames()
  setDefaultCACertificates(trusted)
  rmSync(folder, { recursive: true })
})

const portOf = (endpoint: string) => Number(new URL(endpoint).port)
const plaintext = base64('over TLS')

async function encrypted(): Promise<string> {
  const encryptDataDetails = { keyId: key.id, plaintext }
  return (await oci.crypto(vault.cryptoEndpoint).encrypt({ encryptDataDetails })).encryptedData.ciphertext
}

async function opened(endpoint: string, ciphertext: string): Promise<string> {
  const decryptDataDetails = { keyId: key.id, ciphertext }
  return (await oci.crypto(endpoint).decrypt({ decryptDataDetails })).decryptedData.plaintext
}

test('the official client works in one region over TLS and fails over to the other', async () => {
  expect(vault.cryptoEndpoint).toMatch(/^https:\/\/[a-z0-9]+-crypto\.kms\.us-ashburn-1\.kms\.test:\d+$/)
  expect(replica.crypto).toMatch(/^https:\/\/[a-z0-9]+-crypto\.kms\.us-phoenix-1\.kms\.test:\d+$/)
  const ciphertext = await encrypted()
  await oci.cloud.faults.cut('us-ashburn-1')
  await expect(opened(vault.cryptoEndpoint, ciphertext)).rejects.toBeDefined()
  expect(await opened(replica.crypto, ciphertext)).toBe(plaintext)
  await oci.cloud.faults.heal()
  expect(await opened(vault.cryptoEndpoint, ciphertext)).toBe(plaintext)
})

/** How a TLS handshake with the source goes for a client that trusts this authority alone. */
function handshake(ca: string, servername = `kms.us-ashburn-1.kms.test`): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port: portOf(oci.home), host: '127.0.0.1', servername, ca }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
      socket.destroy()
    })
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      resolve(cause.code ?? cause.message)
    })
  })
}

test('who trusts another authority, or asks for a name of another domain, gets no connection', async () => {
  const other = mkdtempSync(join(tmpdir(), 'vaultspan-tls-'))
  await authority('kms.test', other)
  expect(await handshake(readFileSync(authorityFile(other), 'utf8'))).toMatch(
    /^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN)$/,
  )
  const ca = readFileSync(authorityFile(folder), 'utf8')
  expect(await handshake(ca, 'kms.us-ashburn-1.example.com')).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
  expect(await handshake(ca, '127.0.0.1')).toMatch(/^[0-9A-F:]+$/)
  rmSync(other, { recursive: true })
})

test('a Host that is not ours is refused, whatever name the certificate was shown for', async () => {
  const { headers, url } = await oci.signed(
    'GET',
    `https://kms.us-ashburn-1.example.com/20180608/vaults?compartmentId=x`,
  )
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const servername = 'kms.us-ashburn-1.kms.test'
    const all = { ...headers, host: new URL(url).host }
    const { pathname, search } = new URL(url)
    request(
      { host: '127.0.0.1', port: portOf(oci.home), servername, path: pathname + search, headers: all },
      (answer) => {
        answer.resume().once('end', () => {
          resolve(answer.statusCode)
        })
      },
    )
      .once('error', reject)
      .end()
  })
  expect(status).toBe(404)
})

test('a certificate whose files change is shown to whoever connects next', async () => {
  const ca = readFileSync(authorityFile(folder), 'utf8')
  const before = await handshake(ca)
  expect(before).toMatch(/^[0-9A-F:]+$/)
  rmSync(files.certFile)
  await authority()
  let shown = before
  await until(async () => (shown = await handshake(ca)) !== before)
  expect(shown).toMatch(/^[0-9A-F:]+$/)
  expect(await opened(vault.cryptoEndpoint, await encrypted())).toBe(plaintext)
})

test('who speaks no TLS to it, or hangs in the handshake, is no hindrance when the service ends', async () => {
  const cloud = await ociCloud({
    advertised: { scheme: 'https', by: 'names', host: 'kms.test', portShift: 0 },
    certificate: files,
  })
  const silent = connectTcp(portOf(cloud.home), '127.0.0.1')
  const closed = new Promise((resolve) => silent.once('close', resolve))
  silent.on('error', () => undefined)
  await new Promise((resolve) => silent.once('connect', resolve))
  const plain = await fetch(cloud.home.replace('https', 'http')).catch(() => 'refused')
  await cloud.close()
  await closed
  expect(plain).toBe('refused')
})

test('an authority is kept, and made anew only for another domain; keys are their owner’s alone', async () => {
  const at = mkdtempSync(join(tmpdir(), 'vaultspan-tls-'))
  const read = () => ['ca.pem', 'server.pem'].map((name) => readFileSync(join(at, name), 'utf8'))
  await authority('kms.test', at)
  const first = read()
  await authority('kms.test', at)
  expect(read()).toEqual(first)
  await localAuthority({ folder: at, domain: 'kms.test', regions: [...regions, 'eu-home-1'], now: Date.now() })
  const [ca, server] = read()
  expect([ca === first[0], server === first[1]]).toEqual([true, false])
  const later = Date.now() + 350 * 86_400_000
  await localAuthority({ folder: at, domain: 'kms.test', regions, now: later })
  expect(read()[1]).not.toBe(server)
  await authority('other.test', at)
  expect(read()[0]).not.toBe(ca)
  writeFileSync(join(at, 'ca.key.pem'), readFileSync(join(at, 'server.key.pem')))
  await expect(authority('other.test', at)).rejects.toThrow(
    /ca\.pem and its key cannot be used: [^\n]*Remove both for new ones\.$/,
  )
  rmSync(at, { recursive: true })
})
