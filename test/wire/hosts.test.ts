import { request as httpRequest } from 'node:http'
import type { models } from 'oci-keymanagement'
import {
  allowReplication,
  makeKey,
  makeVault,
  ociCloud,
  replicate,
  type OciCloud,
  type SignedRequest,
} from './ociCloud.ts'

/** A request is for the host it was signed for, whichever listener it is brought to. */

let oci: OciCloud
let vault: models.Vault
let key: models.Key
let replica: { management: string; crypto: string }
beforeAll(async () => {
  oci = await ociCloud()
  vault = await makeVault(oci)
  await allowReplication(oci)
  replica = await replicate(oci, vault.id)
  key = await makeKey(oci, vault)
})
afterAll(() => oci.close())

/** Brings a request, with the host that it was signed for, to another endpoint. */
function bring({ method, url, headers, body = '' }: SignedRequest, to: string, target = pathOf(url)): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(to)
    const all = { ...headers, host: new URL(url).host }
    httpRequest({ hostname, port, path: target, method, headers: all }, (response) => {
      response.resume().on('end', () => {
        resolve(response.statusCode ?? 0)
      })
    })
      .on('error', reject)
      .end(body)
  })
}

const pathOf = (url: string) => url.slice(new URL(url).origin.length)
const encryptBody = () => JSON.stringify({ keyId: key.id, plaintext: 'aGk=' })
const state = async () => (await oci.keys(vault.managementEndpoint).getKey({ keyId: key.id })).key.lifecycleState

test('what was signed for the replica is done by the replica, and not by the source', async () => {
  const signed = await oci.signed('POST', `${replica.crypto}/20180608/encrypt`, encryptBody())
  expect(await bring(signed, replica.crypto)).toBe(200)
  expect(await bring(signed, vault.cryptoEndpoint)).toBe(404)
  const disable = await oci.signed('POST', `${replica.management}/20180608/keys/${key.id}/actions/disable`, '')
  expect(await bring(disable, vault.managementEndpoint)).toBe(404)
  expect(await state()).toBe('ENABLED')
})

test('what was signed for one region, vault or plane is done by no other', async () => {
  const path = `/20180608/vaults?compartmentId=${oci.tenancyId}`
  const list = (endpoint: string) => oci.signed('GET', endpoint + path)
  expect(await bring(await list(oci.home), oci.home)).toBe(200)
  expect(await bring(await list(oci.home), oci.other)).toBe(404)
  expect(await bring(await list(vault.managementEndpoint), oci.home)).toBe(404)
  expect(await bring(await list('http://vaults.example.com:1'), oci.home)).toBe(404)
  const other = await makeVault(oci)
  const encrypt = await oci.signed('POST', `${vault.cryptoEndpoint}/20180608/encrypt`, encryptBody())
  expect(await bring(encrypt, other.cryptoEndpoint)).toBe(404)
})

test('another spelling of the signed path is another request where paths come as they were sent', async () => {
  const vaultUrl = (id: string) => `${oci.home}/20180608/vaults/${id}`
  const spelled = vault.id.replace('vault', '%76ault')
  const plain = await oci.signed('GET', vaultUrl(vault.id))
  expect(await bring(plain, oci.home)).toBe(200)
  expect(await bring(plain, oci.home, pathOf(vaultUrl(spelled)))).toBe(401)
  const colon = await oci.signed('GET', vaultUrl('a%3Ab'))
  expect(await bring(colon, oci.home)).toBe(404)
  expect(await bring(colon, oci.home, pathOf(vaultUrl('a:b')))).toBe(401)
})
