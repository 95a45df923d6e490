import { prefixKey } from '../../../lib/kms/vaults/vaults.ts'
import { awsOrigin } from '../../../lib/aws/awsOrigin.ts'
import { VaultHosts } from '../../../lib/runtime/vaultHosts.ts'

const known = prefixKey('abcdefghijklm')
const vaultId = 'ocid1.vault.oc1.us-east-1.abcdefghijklm.x'
let reads = 0
const tables = {
  get: async (_table: string, pk: string, sk: string) => {
    reads += 1
    return pk === known.pk && sk === known.sk ? { ...known, vaultId } : undefined
  },
}
const names = { regions: ['us-east-1', 'us-west-2'], domain: 'example.com', endpointPortBase: undefined }
const options = { region: 'us-east-1', ...names, originOf: awsOrigin(names) }
const hosts = new VaultHosts(tables, options)

test('a vault answers at the hosts that its endpoints name, in the region of the endpoint', async () => {
  const vault = { id: vaultId, vaultPrefix: 'abcdefghijklm' } as const
  const { management, crypto } = await hosts.endpoints.of(vault as never, 'us-west-2')
  expect(management).toBe('https://abcdefghijklm-management.kms.us-west-2.example.com')
  expect(crypto).toBe('https://abcdefghijklm-crypto.kms.us-west-2.example.com')
})

test('where there is no TLS the endpoints are plain HTTP, each region at a port of its own', async () => {
  const plain = new VaultHosts(tables, { ...options, originOf: awsOrigin({ ...names, endpointPortBase: 7600 }) })
  const { management, crypto } = await plain.endpoints.of(
    { id: vaultId, vaultPrefix: 'abcdefghijklm' } as never,
    'us-west-2',
  )
  expect(management).toBe('http://abcdefghijklm-management.kms.us-west-2.example.com:7601')
  expect(crypto).toBe('http://abcdefghijklm-crypto.kms.us-west-2.example.com:7601')
})

test.each([
  'abcdefghijklm-management.kms.us-east-1.example.com',
  'abcdefghijklm-crypto.kms.us-east-1.example.com',
  'ABCDEFGHIJKLM-crypto.kms.us-east-1.example.com:443',
])('%s leads to the vault', async (host) => {
  expect(await hosts.vaultAt(host)).toBe(vaultId)
})

test.each([
  'kms.us-east-1.example.com',
  'abcdefghijklm-crypto.kms.us-west-2.example.com',
  'abcdefghijklm-crypto.kms.us-east-1.example.com.evil.test',
  'a.abcdefghijklm-crypto.kms.us-east-1.example.com',
  'abcdefghijklm-other.kms.us-east-1.example.com',
  'nobody-crypto.kms.us-east-1.example.com',
  'api.execute-api.us-east-1.amazonaws.com',
  '',
])('%s leads to no vault', async (host) => {
  expect(await hosts.vaultAt(host)).toBeUndefined()
})

test('the region itself answers under its one name', () => {
  const own = ['kms.us-east-1.example.com', 'KMS.us-east-1.example.com:443']
  expect(own.map((host) => hosts.isRegionHost(host))).toEqual([true, true])
  const others = [
    'kms.us-west-2.example.com',
    'api.execute-api.us-east-1.amazonaws.com',
    'a.kms.us-east-1.example.com',
    '',
  ]
  for (const host of others) expect(hosts.isRegionHost(host)).toBe(false)
})

test('a vault is read once, an unknown prefix each time', async () => {
  reads = 0
  await hosts.vaultAt('abcdefghijklm-crypto.kms.us-east-1.example.com')
  expect(reads).toBe(0)
  await hosts.vaultAt('nobody-crypto.kms.us-east-1.example.com')
  await hosts.vaultAt('nobody-crypto.kms.us-east-1.example.com')
  expect(reads).toBe(2)
})

test('a prefix leads to no vault that has another one in its OCID, whatever its row says', async () => {
  const forged = { get: async () => ({ pk: 'prefix#nobody', sk: 'vault', vaultId }) }
  expect(await new VaultHosts(forged, options).vaultAt('nobody-crypto.kms.us-east-1.example.com')).toBeUndefined()
})
