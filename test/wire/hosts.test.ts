import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
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

test('a target in absolute form is for the host that it names, whatever the Host header says', async () => {
  const path = `/20180608/vaults?compartmentId=${oci.tenancyId}`
  const list = (endpoint: string) => oci.signed('GET', endpoint + path)
  expect(await bring(await list(oci.home), oci.home, oci.home + path)).toBe(200)
  expect(await bring(await list(oci.home), oci.home, oci.home.replace('http:', 'HTTP:') + path)).toBe(200)
  expect(await bring(await list(oci.home), oci.home, `${oci.other}${path}`)).toBe(404)
  expect(await bring(await list(oci.home), oci.home, `http://elsewhere.example${path}`)).toBe(404)
  // Signed for the other region's host, which the target's authority replaces.
  expect(await bring(await list(oci.other), oci.home, oci.home + path)).not.toBe(200)
  expect(await bring(await list(oci.home), oci.home, `http://${path}`)).not.toBe(200)
})

test.each(['2.0', '3.0'])('a request line of HTTP/%s is refused', async (version) => {
  const { hostname, port, host } = new URL(oci.home)
  const answer = await new Promise<string>((resolve, reject) => {
    let text = ''
    connect(Number(port), hostname)
      .setEncoding('latin1')
      .on('data', (chunk) => (text += String(chunk)))
      .on('end', () => {
        resolve(text)
      })
      .on('error', reject)
      .write(`GET /healthz HTTP/${version}\r\nHost: ${host}\r\n\r\n`)
  })
  expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*This is not an HTTP\/1\.1 request\./)
})

test.each(['/20160918/authenticationPolicies/x', '/20160918/domains', '/n/', '/n/acme/b/bucket'])(
  '%s is of a service that is not offered',
  async (path) => {
    expect(await bring(await oci.signed('GET', oci.home + path), oci.home)).toBe(501)
  },
)

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
