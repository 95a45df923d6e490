import { readFileSync } from 'node:fs'
import { SimpleAuthenticationDetailsProvider } from 'oci-common'
import { KmsCryptoClient, KmsManagementClient, KmsVaultClient } from 'oci-keymanagement'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { until } from '../harness/until.ts'
import { storedRows } from '../replication/sameRows.ts'
import { ownAddress, restoreData, type RestoredData } from './release.ts'

interface Story {
  readonly vaultId: string
  readonly keys: readonly { readonly keyId: string; readonly ciphertext: string; readonly plaintext: string }[]
}

const fixture = 'test/fixtures/lostVersion'
const story = JSON.parse(readFileSync(`${fixture}/story.json`, 'utf8')) as Story

let data: RestoredData
let cloud: Cloud
beforeAll(async () => {
  data = restoreData(`${fixture}/data`)
  cloud = await startCloud({ directory: data.directory, port: 0, settings: { preparesKeys: false, ...ownAddress } })
})
afterAll(async () => {
  await cloud.close()
  data.remove()
})

function at<C extends { endpoint: string }>(
  Client: new (auth: { authenticationDetailsProvider: SimpleAuthenticationDetailsProvider }) => C,
  endpoint: string,
): C {
  const { userId, fingerprint, privateKeyPem } = cloud.administrator
  const provider = new SimpleAuthenticationDetailsProvider(cloud.tenancyId, userId, fingerprint, privateKeyPem, null)
  const client = new Client({ authenticationDetailsProvider: provider })
  client.endpoint = endpoint
  return client
}

async function lost(crypto: KmsCryptoClient): Promise<readonly string[]> {
  const missing: string[] = []
  for (const { keyId, ciphertext, plaintext } of story.keys) {
    const opened = await crypto
      .decrypt({ decryptDataDetails: { keyId, ciphertext } })
      .then(({ decryptedData }) => decryptedData.plaintext)
      .catch(() => undefined)
    if (opened !== plaintext) missing.push(keyId)
  }
  return missing
}

test('the kept replica names versions as current that it has as CREATING only', () => {
  const rows = readFileSync(`${fixture}/data/regions/us-phoenix-1.db.sql`, 'utf8')
  expect(rows.match(/"lifecycleState":"CREATING"/g)).toHaveLength(story.keys.length)
})

test('versions that an earlier release lost in the replica are found by reconciliation and come to serve there', async () => {
  console.warn = () => undefined
  const [a, b] = cloud.parts
  if (a === undefined || b === undefined) throw new Error('There are two regions.')
  const [source = '', replica = ''] = cloud.regions.map(({ endpoint }) => endpoint)
  const there = (await at(KmsVaultClient, replica).getVault({ vaultId: story.vaultId })).vault
  const crypto = at(KmsCryptoClient, there.cryptoEndpoint)
  // Reconciliation runs at every start.
  let left: readonly string[] = []
  await until(
    async () => (left = await lost(crypto)).length === 0,
    () => left,
  )
  await cloud.idle()
  expect(await storedRows(b, story.vaultId)).toEqual(await storedRows(a, story.vaultId))
  const here = (await at(KmsVaultClient, source).getVault({ vaultId: story.vaultId })).vault
  const keys = at(KmsManagementClient, here.managementEndpoint)
  for (const { keyId } of story.keys) {
    const { replicationId } = (await keys.getKey({ keyId })).key.replicaDetails ?? {}
    const { replicaDetails } = (await keys.getReplicationStatus({ replicationId: replicationId ?? '' }))
      .replicationStatusDetails
    expect(replicaDetails?.map(({ status }) => String(status))).toEqual(['REPLICATED'])
  }
})
