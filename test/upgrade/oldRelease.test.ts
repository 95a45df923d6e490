import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { runDue } from '../../lib/kms/schedule/runDue.ts'
import { answered } from '../harness/until.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { callerByProfile, type Answered, type SignedCaller } from '../local/signedCaller.ts'
import { ownAddress, readStory, releases, restoreRelease, type KeptCiphertext } from './release.ts'

const day = 86_400_000

describe.each(releases)('the data of %s under this version', (version) => {
  const story = readStory(version)
  const { vaults, keys, plaintext, tenancyId } = story
  let restored: ReturnType<typeof restoreRelease>
  let cloud: Cloud
  let call: SignedCaller
  /** Time goes on from where the release stopped. */
  let offset = story.madeAt + 60_000 - Date.now()
  const clock = () => Date.now() + offset

  beforeAll(async () => {
    restored = restoreRelease(version)
    cloud = await startCloud({
      directory: restored.directory,
      port: 0,
      clock,
      generateRsa: knownRsaPair,
      settings: ownAddress,
    })
    call = callerByProfile(restored.directory, clock)
    await cloud.idle()
  })
  afterAll(async () => {
    await cloud.close()
    restored.remove()
  })

  const [source, replica] = [0, 1] as const
  const inRegion = (index: number, method: string, path: string, body?: unknown) =>
    call(method, `${cloud.regions[index]?.endpoint ?? ''}${path}`, body)

  async function inVault(
    index: number,
    vaultId: string,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answered> {
    const part = cloud.parts[index]
    const row = (await part?.runtime.cache.freshVault(vaultId))?.row
    if (part === undefined || row === undefined) throw new Error(`There is no vault ${vaultId} in region ${index}.`)
    const { crypto } = await part.runtime.endpoints.of(row, part.name)
    return call(method, `${crypto}/20180608${path}`, body, headers)
  }
  const decrypt = async (index: number, vaultId: string, { keyId, ...rest }: KeptCiphertext) =>
    (await inVault(index, vaultId, 'POST', '/decrypt', { keyId, ...rest })).body['plaintext']
  const replicasOf = async (vaultId: string) =>
    (await inRegion(source, 'GET', `/20180608/vaults/${vaultId}/actions/listReplicas`)).list.map(({ status }) => status)

  test.each(story.ciphertexts.map((each, index) => [index, each] as const))(
    'ciphertext %i decrypts in the source and in the replica',
    async (_index, ciphertext) => {
      expect(await decrypt(source, vaults.main, ciphertext)).toBe(plaintext)
      expect(await decrypt(replica, vaults.main, ciphertext)).toBe(plaintext)
    },
  )

  test.each(story.signatures.map((each) => [each.signingAlgorithm, each] as const))(
    'a signature by %s verifies in both regions',
    async (_name, signature) => {
      const body = { ...signature, message: plaintext, messageType: 'RAW' }
      for (const index of [source, replica])
        expect((await inVault(index, vaults.main, 'POST', '/verify', body)).body).toEqual({ isSignatureValid: true })
    },
  )

  test('keys are in the states that they were left in, under the same names', async () => {
    for (const index of [source, replica]) {
      const { list } = await inVault(index, vaults.main, 'GET', `/keys?compartmentId=${tenancyId}`)
      const states = Object.fromEntries(list.map((key) => [String(key['displayName']), key['lifecycleState']]))
      expect(states).toMatchObject({ aes: 'ENABLED', disabled: 'DISABLED', doomed: 'PENDING_DELETION' })
    }
    const { body } = await inVault(replica, vaults.main, 'GET', `/keys/${keys.rotating}`)
    expect(body).toMatchObject({ isAutoRotationEnabled: true })
    const wrapping = await inVault(replica, vaults.main, 'GET', '/wrappingKeys')
    expect(wrapping.body['publicKey']).toBe(story.wrappingKeyPem)
  })

  test('a retry token gives the key that it gave to the release', async () => {
    const { token, keyId, input } = story.retried
    const again = await inVault(source, vaults.main, 'POST', '/keys', input, { 'opc-retry-token': token })
    expect(again).toMatchObject({ status: 200, body: { id: keyId } })
    const other = { ...input, displayName: 'another' }
    const misused = await inVault(source, vaults.main, 'POST', '/keys', other, { 'opc-retry-token': token })
    expect(misused).toMatchObject({ status: 409, body: { code: 'InvalidatedRetryToken' } })
  })

  test('a change that waited for the replica arrives', async () => {
    await answered(async () => {
      expect(await decrypt(replica, vaults.second, story.atRiskCiphertext)).toBe(plaintext)
    })
  })

  test('old messages to a queue, of every kind, leave no dead letter and bring their links to an end', async () => {
    for (const { to, queue, body } of story.messages)
      await cloud.parts.find(({ name }) => name === to)?.store.queues.send(queue, [{ body }])
    for (const step of ['linkRequest', 'linkOffer', 'linkBundle', 'linkAccepted'] as const)
      await answered(async () => {
        expect([step, await replicasOf(vaults[step])]).toEqual([step, ['CREATED']])
      })
    for (const step of ['purge', 'purged'] as const)
      await answered(async () => {
        expect([step, await replicasOf(vaults[step])]).toEqual([step, []])
      })
    await answered(async () => {
      const { status, body } = await inRegion(source, 'GET', `/20160918/compartments/${story.compartmentId}`)
      expect({ status, state: body['lifecycleState'] }).toEqual({ status: 200, state: 'DELETED' })
    })
    await cloud.idle()
    for (const keyId of [keys.heldBack, keys.unacknowledged]) {
      const { ciphertext } = (await inVault(source, vaults.main, 'POST', '/encrypt', { keyId, plaintext })).body
      expect(await decrypt(replica, vaults.main, { keyId, ciphertext: String(ciphertext) })).toBe(plaintext)
    }
    for (const { store } of cloud.parts)
      for (const queue of ['inbox', 'outcome', 'outbox'] as const)
        expect(await store.queues.deadLetters(queue, 10)).toEqual([])
  })

  test('mutations go on, and reach the replica', async () => {
    const old = story.ciphertexts[0] as KeptCiphertext
    expect(await inVault(source, vaults.main, 'POST', `/keys/${keys.aes}/keyVersions`, {})).toMatchObject({
      status: 200,
    })
    expect(
      await inVault(source, vaults.main, 'PUT', `/keys/${keys.aes}`, { freeformTags: { by: 'this version' } }),
    ).toMatchObject({ status: 200 })
    expect(await inVault(source, vaults.main, 'POST', `/keys/${keys.disabled}/actions/enable`)).toMatchObject({
      status: 200,
    })
    const { ciphertext } = (await inVault(source, vaults.main, 'POST', '/encrypt', { keyId: keys.aes, plaintext })).body
    await cloud.idle()
    for (const each of [old, { keyId: keys.aes, ciphertext: String(ciphertext) }])
      expect(await decrypt(replica, vaults.main, each)).toBe(plaintext)
    const { body } = await inVault(replica, vaults.main, 'GET', `/keys/${keys.aes}`)
    expect(body).toMatchObject({ freeformTags: { by: 'this version' }, definedTags: { ops: { owner: 'ä' } } })
    expect((await inRegion(replica, 'GET', `/20160918/policies?compartmentId=${tenancyId}`)).list).toHaveLength(4)
  })

  test('its audit events and its metering are listed', async () => {
    const [from, to] = [story.madeAt - day, story.madeAt + day].map((at) => new Date(at).toISOString())
    const query = `compartmentId=${tenancyId}&startTime=${from ?? ''}&endTime=${to ?? ''}`
    const { list } = await inRegion(source, 'GET', `/20190901/auditEvents?${query}`)
    expect(list.map(({ eventType }) => eventType)).toContain('com.oraclecloud.KeyManagementService.CreateVault')
    const days = `from=${from?.slice(0, 10) ?? ''}&to=${to?.slice(0, 10) ?? ''}`
    for (const index of [source, replica]) {
      const usage = await inRegion(index, 'GET', `/20180608/usage/keyVersions?${days}`)
      expect(JSON.stringify(usage.list.length > 0 ? usage.list : usage.body)).toContain(keys.aes)
    }
  })

  test('its backups restore, in the other region too', async () => {
    const key = await inVault(source, vaults.alone, 'POST', '/keys/actions/restoreFromObjectStore', story.backups.key)
    expect(key).toMatchObject({ status: 200, body: { id: keys.alone } })
    const path = `/20180608/vaults/actions/restoreFromObjectStore?compartmentId=${tenancyId}`
    const vault = await inRegion(replica, 'POST', path, story.backups.vault)
    expect(vault).toMatchObject({ status: 200, body: { restoredFromVaultId: vaults.alone } })
    const there = String(vault.body['id'])
    const { list } = await inVault(replica, there, 'GET', `/keys?compartmentId=${tenancyId}`)
    expect(list).toHaveLength(1)
    const { ciphertext } = story.aloneCiphertext
    expect(await decrypt(replica, there, { keyId: String(list[0]?.['id']), ciphertext })).toBe(plaintext)
  })

  test('what it scheduled falls due: a key is destroyed in both regions', async () => {
    offset += 8 * day
    for (const { runtime } of cloud.parts) await runDue(runtime)
    await cloud.idle()
    for (const index of [source, replica])
      await answered(async () => {
        expect((await inVault(index, vaults.main, 'GET', `/keys/${keys.doomed}`)).body['lifecycleState']).toBe(
          'DELETED',
        )
      })
  })
})
