import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Attestation } from '../../lib/hsm/formats/attestation.ts'
import { CKA, CKK, CKM, CKO, CKU } from '../../lib/hsm/pkcs11/library/constants.ts'
import { mechanism } from '../../lib/hsm/pkcs11/library/encode.ts'
import { Session } from '../../lib/hsm/pkcs11/token/session.ts'
import { startCloud } from '../../local/cloud/startCloud.ts'
import { attestRegion } from '../../local/hsm/attestRegion.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { verifyAttestation } from '../../local/hsm/verifyAttestation.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { describeWithToken, pins, softHsm, softHsmPath } from './tokens/softHsm.ts'

const region = 'us-test-1'
const regions = ['eu-test-1', region]

describeWithToken('what a region’s tokens say of themselves', () => {
  const label = `attest ${process.pid}`
  let folder: string
  let data: string
  let attestation: Attestation
  const attest = () => {
    const module = softHsmPath ?? ''
    const tokens = { module, pinFile: join(folder, 'user.pin'), label, regions: null, allowsSoftwareReplicas: false }
    return attestRegion(data, region, tokens, 'a challenge')
  }
  const verify = (document: object, root = data, challenge?: string) => {
    const file = join(folder, 'attestation.json')
    writeFileSync(file, JSON.stringify(document))
    return verifyAttestation(file, root, challenge)
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vaultspan-attest-'))
    data = join(folder, 'data')
    const pinFile = join(folder, 'user.pin')
    writeFileSync(pinFile, pins.pin, { mode: 0o600 })
    const module = softHsmPath ?? ''
    initTokens({ data, module, label, regions, privateVaults: 1, ...pins })
    const tokens = { module, pinFile, label, regions: null, allowsSoftwareReplicas: false }
    const cloud = await startCloud({
      directory: data,
      port: 0,
      regions,
      settings: { tokens },
      generateRsa: knownRsaPair,
    })
    await cloud.close()
    attestation = await attest()
  })

  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  test('verifies offline under the tenancy’s root, and names what is in them', async () => {
    const lines = await verify(attestation, data, 'a challenge')
    expect(lines[0]).toContain(`Valid: region ${region}`)
    expect(lines.join()).not.toContain('WEAK')
    expect(attestation.library).toMatchObject({ manufacturer: 'SoftHSM', version: '2.6' })
    expect(attestation.tokens.map(({ label: of }) => of)).toEqual([`${label} ${region}`, `${label} ${region} #1`])
    expect(attestation.tokens[0]?.keys.map((key) => [key.label, key.uses])).toEqual(
      expect.arrayContaining([
        ['vaultspan root: wrapping', ['wrap', 'unwrap']],
        ['vaultspan root: MAC', ['sign']],
        ['vaultspan identity', ['sign']],
      ]),
    )
  })

  test('is refused altered, for another challenge, under another root, and as another region’s', async () => {
    const [first] = attestation.tokens
    const altered = { ...attestation, tokens: [{ ...first, serial: 'other' }] }
    await expect(verify(altered)).rejects.toThrow('does not verify')
    await expect(verify({ ...attestation, at: '2020-01-01T00:00:00.000Z' })).rejects.toThrow('does not verify')
    await expect(verify(attestation, data, 'another')).rejects.toThrow('another challenge')
    const other = join(folder, 'other.pem')
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
    writeFileSync(other, publicKey.export({ type: 'spki', format: 'pem' }))
    await expect(verify(attestation, other)).rejects.toThrow('does not say')
    await expect(verify({ ...attestation, region: 'eu-test-1' })).rejects.toThrow('does not say')
    await expect(verify({ ...attestation, signature: 7 })).rejects.toThrow('is no attestation')
  })

  test('shows a key that can be taken out', async () => {
    const session = Session.open(softHsm(), softHsm().slotOf(`${label} ${region} #1`) ?? -1)
    session.login(CKU.USER, pins.pin)
    session.generateKey(mechanism(CKM.AES_KEY_GEN), [
      [CKA.CLASS, CKO.SECRET_KEY],
      [CKA.KEY_TYPE, CKK.AES],
      [CKA.VALUE_LEN, 32],
      [CKA.TOKEN, true],
      [CKA.PRIVATE, true],
      [CKA.SENSITIVE, true],
      [CKA.EXTRACTABLE, true],
      [CKA.LABEL, Buffer.from('planted')],
    ])
    session.close()
    expect((await verify(await attest())).join()).toContain('"planted" can be taken out')
  })
})
