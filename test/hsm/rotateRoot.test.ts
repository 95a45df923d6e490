import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import type { TransportKey } from '../../lib/hsm/hsm.ts'
import { backupContext, backupKeysRow, storedBackupKeys } from '../../lib/kms/backup/backupKeys.ts'
import { vaultContext } from '../../lib/kms/rows/rowMac.ts'
import type { VaultRow } from '../../lib/kms/rows/rows.ts'
import type { VaultKeysRow } from '../../lib/kms/vaultCache.ts'
import { transportPk } from '../../lib/kms/vaults/partition.ts'
import { realm } from '../../lib/ocid.ts'
import type { Write } from '../../lib/ports.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { CKR } from '../../lib/hsm/pkcs11/library/constants.ts'
import { lost } from '../../lib/hsm/pkcs11/token/lostToken.ts'
import { Pkcs11Error } from '../../lib/hsm/pkcs11/library/pkcs11Error.ts'
import { serveFaults } from '../../local/control/faultServer.ts'
import { askService } from '../../local/control/askService.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { rotateRoot } from '../../local/hsm/rotateRoot.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { noHurry } from '../harness/noHurry.ts'
import { suiteBase } from '../local/suiteBase.ts'
import { callerOf, type SignedCaller } from '../local/signedCaller.ts'
import { createKey, createVault, decrypt, encrypt, plaintext, replicate, type MadeVault } from '../local/vaultSteps.ts'
import { describeWithToken, pins, softHsmPath } from './tokens/softHsm.ts'

const regions = ['eu-test-1', 'us-test-1']

test('whoever asks for a new root is told why a token does not answer', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vaultspan-asked-'))
  const cause = new Pkcs11Error('C_GenerateKey', CKR.GENERAL_ERROR)
  const fails = () => Promise.reject(lost('eu #1', cause))
  const close = await serveFaults({ path: folder }, undefined as never, { 'rotate-root': fails })
  try {
    await expect(askService(folder, 'rotate-root -')).rejects.toThrow(
      /The HSM does not answer \(token eu #1\); try again\. .*C_GenerateKey answered .* see that their disk has room/,
    )
  } finally {
    await close?.()
    rmSync(folder, { recursive: true })
  }
})

function rotationOfACloud(tokensIn: (folder: string) => object): void {
  let folder: string
  let cloud: Cloud
  let call: SignedCaller
  let settings: object

  const open = async () => {
    const port = await suiteBase()
    cloud = await startCloud({ directory: join(folder, 'data'), port, regions, settings, generateRsa: knownRsaPair })
    call = callerOf(cloud)
  }
  const home = () => cloud.regions[0]?.endpoint ?? ''
  const region = () => {
    const [first] = cloud.parts
    if (first === undefined) throw new Error('There is no region.')
    return first
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vaultspan-rotate-'))
    settings = { ...noHurry, ...tokensIn(folder) }
    await open()
  })

  afterEach(async () => {
    await cloud.close()
    rmSync(folder, { recursive: true })
  })

  async function aVaultWithAKey(vaultType: string) {
    const vault = await createVault(call, home(), cloud.tenancyId, vaultType)
    const key = await createKey(call, vault, cloud.tenancyId)
    return { vault, key, ciphertext: await encrypt(call, vault.endpoint, key) }
  }

  async function opens({ vault, key, ciphertext }: { vault: MadeVault; key: string; ciphertext: string }) {
    const { body } = await call('GET', `${home()}/20180608/vaults/${vault.id}`)
    expect(await decrypt(call, String(body['cryptoEndpoint']), key, ciphertext)).toBe(plaintext)
  }

  const keysRow = async ({ id }: MadeVault) =>
    (await region().store.tables.get('Vaults', id, 'keys')) as unknown as VaultKeysRow

  test('goes on while vaults are used and made, and after a restart everything opens', async () => {
    const virtual = await aVaultWithAKey('DEFAULT')
    const own = await aVaultWithAKey('VIRTUAL_PRIVATE')
    const { status } = await call('POST', `${home()}/20160918/policies`, {
      compartmentId: cloud.tenancyId,
      name: 'replication',
      description: 'for replicas',
      statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
    })
    expect(status).toBe(200)
    const replica = await replicate(call, home(), own.vault, 'us-test-1')
    const before = await keysRow(virtual.vault)
    const [answer, made] = await Promise.all([
      askService(join(folder, 'data'), 'rotate-root -'),
      aVaultWithAKey('DEFAULT'),
      opens(virtual),
      opens(own),
    ])
    expect(answer).toMatch(/^eu-test-1: a new root, \d+ wrapped anew under it; us-test-1: a new root, \d+ wrapped/)
    for (const { hsm } of cloud.parts) expect(hsm.rotation.isRotating()).toBe(false)
    const after = await keysRow(virtual.vault)
    expect(after.wrapped).not.toEqual(before.wrapped)
    await opens(virtual)
    expect(await decrypt(call, replica, own.key, own.ciphertext)).toBe(plaintext)
    await cloud.close()
    await open()
    for (const each of [virtual, own, made]) await opens(each)
    const late = await aVaultWithAKey('DEFAULT')
    await opens(late)
  })

  test('that a crash cut off goes on at the next start, and keeps the former root until then', async () => {
    const each = await aVaultWithAKey('DEFAULT')
    const before = await keysRow(each.vault)
    await region().hsm.rotation.begin()
    await cloud.close()
    await open()
    // The one that goes on by itself, or that has ended: then this one makes another root.
    await rotateRoot(region())
    expect(region().hsm.rotation.isRotating()).toBe(false)
    expect((await keysRow(each.vault)).wrapped).not.toEqual(before.wrapped)
    await opens(each)
  })

  test('does not end while a row opens under no root, and says which', async () => {
    const each = await aVaultWithAKey('DEFAULT')
    const { tables } = region().store
    const row = await keysRow(each.vault)
    const broken = { ...row.wrapped, macKey: `A${row.wrapped.macKey.slice(1)}` }
    await tables.write([{ op: 'put', table: 'Vaults', item: { ...row, wrapped: { ...broken } } }])
    await expect(rotateRoot(region())).rejects.toThrow(each.vault.id)
    expect(region().hsm.rotation.isRotating()).toBe(true)
    await tables.write([{ op: 'put', table: 'Vaults', item: { ...row } }])
    await rotateRoot(region())
    expect(region().hsm.rotation.isRotating()).toBe(false)
    await opens(each)
  })

  test('takes transport and backup keys along, and brings nothing back that goes while it is wrapped anew', async () => {
    const { vault } = await aVaultWithAKey('DEFAULT')
    const [{ hsm, store }, peer] = [region(), cloud.parts[1]?.hsm]
    if (peer === undefined) throw new Error('There are two regions.')
    const { tables } = store
    const [source, destination] = ['us-test-1', 'eu-test-1']
    const of = { realm, tenancyId: cloud.tenancyId, vaultId: 'ocid1.vault.oc1.us-test-1.v.w', isPrivate: false }
    const context = { ...of, source, destination, epoch: '' }
    const [stays, goes] = ['stays', 'goes'].map((sk) => ({ pk: transportPk(of.vaultId), sk }))
    if (stays === undefined || goes === undefined) throw new Error('There are two.')
    const transport = (await hsm.createTransportKey(context)) as TransportKey & JsonObject
    for (const key of [stays, goes])
      await tables.write([{ op: 'put', table: 'Replication', item: { ...key, transport } }])
    const backups = backupContext(cloud.tenancyId)
    const saving = await hsm.createVaultKeys(backups)
    await tables.write([{ op: 'put', table: 'Vaults', item: backupKeysRow(cloud.tenancyId, saving) }])
    const bundle = await peer.exportVaultKeys(context, await peer.createVaultKeys(of), transport.offer)
    const row = (await tables.get('Vaults', vault.id, 'vault')) as unknown as VaultRow & JsonObject
    const destroyed = { ...hsm.withoutKeks(vaultContext(row), (await keysRow(vault)).wrapped) }
    const write = tables.write.bind(tables)
    const meanwhile = new Map<string, readonly Write[]>([
      [
        `${vault.id} keys`,
        [
          { op: 'put', table: 'Vaults', item: { ...row, revision: row.revision + 1 } },
          { op: 'put', table: 'Vaults', item: { pk: vault.id, sk: 'keys', wrapped: destroyed } },
        ],
      ],
      [`${goes.pk} goes`, [{ op: 'delete', table: 'Replication', ...goes }]],
    ])
    tables.write = async (writes, writeId) => {
      for (const each of writes) {
        const key = each.op === 'put' ? `${each.item.pk} ${each.item.sk}` : ''
        const first = meanwhile.get(key)
        meanwhile.delete(key)
        if (first !== undefined) await write(first)
      }
      return write(writes, writeId)
    }
    await rotateRoot(region())
    expect([...meanwhile.keys()]).toEqual([])
    expect((await keysRow(vault)).wrapped).toMatchObject({ hsmKek: null, softwareKek: null })
    expect(await tables.get('Replication', goes.pk, goes.sk)).toBeUndefined()
    const waiting = (await tables.get('Replication', stays.pk, stays.sk)) as unknown as { transport: TransportKey }
    expect(waiting.transport.privateKey).not.toBe(transport.privateKey)
    await expect(hsm.importVaultKeys(context, bundle, transport)).rejects.toThrow('not made by this HSM')
    expect(await hsm.importVaultKeys(context, bundle, waiting.transport)).toBeDefined()
    const stored = await storedBackupKeys({ tables }, cloud.tenancyId)
    expect(() => hsm.openVault(backups, saving)).toThrow('were not wrapped by this HSM')
    expect(stored && hsm.openVault(backups, stored.wrapped)).toBeDefined()
  })

  test('waits for keys that were wrapped before it and are stored after it', async () => {
    const { tables } = region().store
    const write = tables.write.bind(tables)
    const held = Promise.withResolvers<undefined>()
    const seen = Promise.withResolvers<undefined>()
    tables.write = async (writes, writeId) => {
      if (writes.some(({ op, ...rest }) => op === 'put' && 'item' in rest && rest.item.sk === 'keys')) {
        tables.write = write
        seen.resolve(undefined)
        await held.promise
      }
      return write(writes, writeId)
    }
    const made = createVault(call, home(), cloud.tenancyId)
    await seen.promise
    const rotation = rotateRoot(region())
    const first = await Promise.race([
      rotation.then(() => 'rotation'),
      new Promise((done) => setTimeout(done, 300, 'held')),
    ])
    expect(first).toBe('held')
    held.resolve(undefined)
    const vault = await made
    await rotation
    await createKey(call, vault, cloud.tenancyId)
    await cloud.close()
    await open()
    expect((await call('GET', `${home()}/20180608/vaults/${vault.id}`)).status).toBe(200)
  })
}

describe('the rotation of simulated roots', () => {
  rotationOfACloud(() => ({}))
})

describeWithToken('the rotation of roots in tokens', () => {
  let count = 0
  rotationOfACloud((folder) => {
    const pinFile = join(folder, 'user.pin')
    writeFileSync(pinFile, pins.pin, { mode: 0o600 })
    const [module, label] = [softHsmPath ?? '', `rot ${process.pid} ${count++}`]
    initTokens({ data: join(folder, 'data'), module, label, regions, privateVaults: 1, ...pins })
    return { tokens: { module, pinFile, label, regions: null, allowsSoftwareReplicas: false } }
  })
})
