import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jsonLogger } from '../../lib/runtime/jsonLogger.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { callerOf, type SignedCaller } from './signedCaller.ts'

const canary = 'canary-6b1f0a9d-do-not-store'
let directory: string
let cloud: Cloud
let call: SignedCaller
let log: string[]

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vaultspan-secrets-'))
  log = []
  cloud = await startCloud({ directory, port: 0, log: jsonLogger((line) => log.push(line), 'info') })
  call = callerOf(cloud)
})
afterEach(async () => {
  await cloud.close()
  rmSync(directory, { recursive: true, force: true })
})

/** Every file of the service but the two places where secrets belong. */
function storedBytes(): Buffer {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile() && !/\/(hsm|oci)$/.test(file.parentPath))
    .map((file) => readFileSync(join(file.parentPath, file.name)))
  expect(files.length).toBeGreaterThan(2)
  return Buffer.concat([...files, Buffer.from(log.join('\n'))])
}

test('no plaintext, data key or private key reaches a store, a queue or the log', async () => {
  const compartmentId = cloud.tenancyId
  const home = cloud.regions[0]?.endpoint ?? ''
  await call('POST', `${home}/20160918/policies`, {
    compartmentId,
    name: 'replication',
    description: 'lets the service replicate',
    statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
  })
  const vault = await call('POST', `${home}/20180608/vaults`, {
    compartmentId,
    displayName: 'v',
    vaultType: 'VIRTUAL_PRIVATE',
  })
  const origin = String(vault.body['cryptoEndpoint'])
  const { region } = cloud.regions[1] ?? { region: '' }
  await call('POST', `${home}/20180608/vaults/${String(vault.body['id'])}/actions/createReplica`, {
    replicaRegion: region,
  })
  const shape = { algorithm: 'AES', length: 32 }
  const key = await call('POST', `${origin}/20180608/keys`, { compartmentId, displayName: 'k', keyShape: shape })
  const keyId = key.body['id']
  const plaintext = Buffer.from(canary).toString('base64')
  const encrypted = await call('POST', `${origin}/20180608/encrypt`, { keyId, plaintext })
  expect(encrypted.status).toBe(200)
  const decrypted = await call('POST', `${origin}/20180608/decrypt`, {
    keyId,
    ciphertext: encrypted.body['ciphertext'],
  })
  expect(decrypted.body['plaintext']).toBe(plaintext)
  const data = await call('POST', `${origin}/20180608/generateDataEncryptionKey`, {
    keyId,
    includePlaintextKey: true,
    keyShape: shape,
  })
  const dataKey = String(data.body['plaintext'])
  expect(Buffer.from(dataKey, 'base64')).toHaveLength(32)
  await call('POST', `${origin}/20180608/decrypt`, { keyId, ciphertext: plaintext })
  await cloud.idle()
  const stored = storedBytes()
  // The search works: what is stored on purpose is found.
  expect(stored.includes(String(keyId))).toBe(true)
  const pemBody = cloud.administrator.privateKeyPem.split('\n')[3] ?? ''
  const secrets = [
    canary,
    plaintext,
    dataKey,
    Buffer.from(dataKey, 'base64'),
    Buffer.from(dataKey, 'base64').toString('hex'),
    pemBody,
  ]
  for (const secret of secrets) {
    expect(secret.length).toBeGreaterThan(20)
    expect(stored.includes(secret)).toBe(false)
  }
  expect(stored.includes('PRIVATE KEY')).toBe(false)
})
