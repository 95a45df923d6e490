import { request as httpRequest } from 'node:http'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { models } from 'oci-keymanagement'
import { resolveToLoopback } from '../../local/resolveToLoopback.ts'
import {
  allowReplication,
  base64,
  makeKey,
  makeVault,
  ociCloud,
  replicate,
  send,
  type OciCloud,
  type SignedRequest,
} from './ociCloud.ts'

/** Names tell vaults and regions apart; one port of each region is all that is listened on. */

let oci: OciCloud
let vault: models.Vault
let key: models.Key
let replica: { management: string; crypto: string }
let forgetNames: () => void
const ports: number[] = []

beforeAll(async () => {
  forgetNames = resolveToLoopback('.kms.test')
  oci = await ociCloud({ advertised: { scheme: 'http', by: 'names', host: 'kms.test', portShift: 0 } })
  ports.push(...[oci.home, oci.other].map((endpoint) => Number(new URL(endpoint).port)))
  vault = await makeVault(oci)
  await allowReplication(oci)
  replica = await replicate(oci, vault.id)
  key = await makeKey(oci, vault)
})
afterAll(async () => {
  await oci.close()
  forgetNames()
})

const prefix = () => vault.id.split('.')[4] ?? ''

test('answers carry names, and no vault has a port of its own', async () => {
  const [home = 0, other = 0] = ports
  expect([oci.home, oci.other]).toEqual([
    `http://kms.us-ashburn-1.kms.test:${home}`,
    `http://kms.us-phoenix-1.kms.test:${other}`,
  ])
  expect(vault.managementEndpoint).toBe(`http://${prefix()}-management.kms.us-ashburn-1.kms.test:${home}`)
  expect(vault.cryptoEndpoint).toBe(`http://${prefix()}-crypto.kms.us-ashburn-1.kms.test:${home}`)
  expect(replica).toEqual({
    management: `http://${prefix()}-management.kms.us-phoenix-1.kms.test:${other}`,
    crypto: `http://${prefix()}-crypto.kms.us-phoenix-1.kms.test:${other}`,
  })
})

test('the official client encrypts in one region and, when that is lost, decrypts in the other', async () => {
  const encrypted = await oci
    .crypto(vault.cryptoEndpoint)
    .encrypt({ encryptDataDetails: { keyId: key.id, plaintext: base64('x') } })
  await oci.cloud.faults.cut('us-ashburn-1')
  const { ciphertext } = encrypted.encryptedData
  const decrypted = await oci.crypto(replica.crypto).decrypt({ decryptDataDetails: { keyId: key.id, ciphertext } })
  expect(decrypted.decryptedData.plaintext).toBe(base64('x'))
  await oci.cloud.faults.heal()
})

test('identity and audit answer at names of their own, also at the one with .oci that Oracle’s clients ask for', async () => {
  const named = (name: string) => `http://${name}.kms.test:${ports[0] ?? 0}`
  for (const endpoint of ['identity.us-ashburn-1', 'identity.us-ashburn-1.oci'].map(named)) {
    const { compartment } = await oci.identity(endpoint).getCompartment({ compartmentId: oci.tenancyId })
    expect(compartment.id).toBe(oci.tenancyId)
  }
  const now = new Date()
  const events = { compartmentId: oci.tenancyId, startTime: new Date(now.getTime() - 60_000), endTime: now }
  await oci.audit(named('audit.us-ashburn-1')).listEvents(events)
})

/** Brings a request to the port, with the Host that it was signed for. */
function bring(
  { method, url, headers, body = '' }: SignedRequest,
  port: number,
  host = new URL(url).host,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const path = url.slice(new URL(url).origin.length)
    httpRequest({ host: '127.0.0.1', port, path, method, headers: { ...headers, host } }, (response) => {
      response.resume().on('end', () => {
        resolve(response.statusCode ?? 0)
      })
    })
      .on('error', reject)
      .end(body)
  })
}

const encryption = () => JSON.stringify({ keyId: key.id, plaintext: 'aGk=' })

test('the port may be mapped: the name alone binds vault and region to the signature', async () => {
  const [home = 0] = ports
  const sockets: Socket[] = []
  const forward = createServer((socket) => {
    sockets.push(socket)
    const onward = connect(home, '127.0.0.1')
    socket.pipe(onward).pipe(socket)
    for (const each of [socket, onward]) each.on('error', () => each.destroy())
  })
  await new Promise<void>((ready) => forward.listen(0, '127.0.0.1', ready))
  const { port } = forward.address() as AddressInfo
  const endpoint = vault.cryptoEndpoint.replace(`:${home}`, `:${port}`)
  const { encryptedData } = await oci
    .crypto(endpoint)
    .encrypt({ encryptDataDetails: { keyId: key.id, plaintext: base64('y') } })
  expect(encryptedData.keyId).toBe(key.id)
  const portless = await oci.signed(
    'POST',
    `${vault.cryptoEndpoint.replace(`:${home}`, '')}/20180608/encrypt`,
    encryption(),
  )
  expect(await bring(portless, port)).toBe(200)
  for (const socket of sockets) socket.destroy()
  forward.close()
})

test('what was signed for one name is done under no other, and by no other region', async () => {
  const [home = 0, other = 0] = ports
  const second = await makeVault(oci)
  const signed = await oci.signed('POST', `${vault.cryptoEndpoint}/20180608/encrypt`, encryption())
  expect(await bring(signed, home)).toBe(200)
  expect(await bring(signed, home, new URL(second.cryptoEndpoint).host)).toBe(401)
  expect(await bring(signed, other)).toBe(404)
  expect(await bring(signed, other, new URL(replica.crypto).host)).toBe(401)
  const wrongVault = await oci.signed('POST', `${second.cryptoEndpoint}/20180608/encrypt`, encryption())
  expect(await bring(wrongVault, home)).toBe(404)
})

test.each([
  ['an unknown vault', 'aaaaaaaaaaaaa-crypto.kms.us-ashburn-1.kms.test'],
  ['the other region', 'kms.us-phoenix-1.kms.test'],
  ['another domain', 'kms.us-ashburn-1.example.com'],
  ['a name below a region’s', 'a.kms.us-ashburn-1.kms.test'],
  ['a name after it', 'kms.us-ashburn-1.kms.test.evil.example'],
  ['a host that is none', 'kms.us-ashburn-1.kms.test:x'],
])('%s is refused as a host', async (_, host) => {
  const path = `/20180608/vaults?compartmentId=${oci.tenancyId}`
  const list = await oci.signed('GET', `http://${host.replace(':x', '')}${path}`)
  expect(await bring(list, ports[0] ?? 0, host)).toBe(404)
})

test('a vault’s name does nothing of its region’s, and the region’s nothing of a vault’s', async () => {
  const [home = 0] = ports
  const list = await oci.signed('GET', `${vault.managementEndpoint}/20180608/vaults?compartmentId=${oci.tenancyId}`)
  expect(await bring(list, home)).toBe(404)
  const encrypt = await oci.signed('POST', `${oci.home}/20180608/encrypt`, encryption())
  expect(await bring(encrypt, home)).toBe(404)
})

test('a vault’s name answers alike whether there is that vault or not, and only to whoever can sign', async () => {
  const body = JSON.stringify({ keyId: `ocid1.key.oc1.iad.${prefix()}.${'a'.repeat(60)}`, plaintext: 'aGk=' })
  const answersOf = async (endpoint: string) => {
    const encrypt = await oci.signed('POST', `${endpoint}/20180608/encrypt`, body)
    const unsigned = { ...encrypt, headers: { ...encrypt.headers, authorization: 'Signature version="1"' } }
    const list = await oci.signed('GET', `${endpoint}/20180608/vaults?compartmentId=${oci.tenancyId}`)
    return [await send(encrypt), await send(unsigned), await send(list)]
  }
  const answers = await answersOf(vault.cryptoEndpoint.replace(prefix(), 'a'.repeat(13)))
  expect(answers).toEqual(await answersOf(vault.cryptoEndpoint))
  expect(answers.map(({ serviceCode }) => serviceCode)).toEqual([
    'NotAuthorizedOrNotFound',
    'NotAuthenticated',
    'NotFound',
  ])
})

test('the region answers on loopback as well, by its own port', async () => {
  const [home = 0, other = 0] = ports
  const list = (port: number) =>
    oci.signed('GET', `http://127.0.0.1:${port}/20180608/vaults?compartmentId=${oci.tenancyId}`)
  expect(await bring(await list(home), home)).toBe(200)
  expect(await bring(await list(home), other)).toBe(404)
  expect(await bring(await list(home + 1), home)).toBe(404)
})
