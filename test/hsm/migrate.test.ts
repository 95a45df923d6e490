import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ownerMarks } from '../../lib/hsm/pkcs11/roots/ownerMark.ts'
import { Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { identityLabel, removeSigner } from '../../lib/hsm/pkcs11/roots/regionObjects.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { transportPk } from '../../lib/kms/vaults/partition.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { openPatient } from '../../local/doctor/patient.ts'
import { tokensCheck } from '../../local/doctor/tokensCheck.ts'
import { initTokens } from '../../local/hsm/initTokens.ts'
import { migrateRegion } from '../../local/hsm/migrateRegion.ts'
import { simulatedStatus } from '../../local/hsm/simulatedStatus.ts'
import { tokenStatus } from '../../local/hsm/tokenStatus.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { noHurry } from '../harness/noHurry.ts'
import { suiteBase } from '../local/suiteBase.ts'
import { callerOf, type SignedCaller } from '../local/signedCaller.ts'
import { createKey, createVault, decrypt, encrypt, plaintext, replicate, type MadeVault } from '../local/vaultSteps.ts'
import { describeWithToken, pins, softHsm, softHsmPath } from './tokens/softHsm.ts'

const regions = ['eu-test-1', 'us-test-1']
const [eu = '', us = ''] = regions

describeWithToken('a simulated region that moves into a token', () => {
  let folder: string
  let data: string
  let cloud: Cloud
  let call: SignedCaller
  let count = 0
  const place = () => ({
    module: softHsmPath ?? '',
    pinFile: join(folder, 'user.pin'),
    label: `mig ${process.pid} ${count}`,
    allowsSoftwareReplicas: true,
  })

  const open = async (tokenRegions: readonly string[]) => {
    const tokens = tokenRegions.length === 0 ? null : { ...place(), regions: tokenRegions }
    cloud = await startCloud({
      directory: data,
      port: await suiteBase(),
      regions,
      settings: { tokens, requiresServicePolicy: false, ...noHurry },
      generateRsa: knownRsaPair,
    })
    call = callerOf(cloud)
  }
  const origin = (region: string) => cloud.regions.find((each) => each.region === region)?.endpoint ?? ''
  const init = (privateVaults: number) =>
    initTokens({ data, module: softHsmPath ?? '', label: place().label, regions, privateVaults, ...pins })
  const migrate = (region: string) => migrateRegion(data, region, { ...place(), regions: null })

  interface Made {
    readonly vault: MadeVault
    readonly key: string
    readonly ciphertext: string
  }
  let virtual: Made
  let own: Made

  async function aVaultWithAKey(vaultType: string): Promise<Made> {
    const vault = await createVault(call, origin(eu), cloud.tenancyId, vaultType)
    const key = await createKey(call, vault, cloud.tenancyId)
    return { vault, key, ciphertext: await encrypt(call, vault.endpoint, key) }
  }

  async function opens({ vault, key, ciphertext }: Made, region = eu) {
    const { body } = await call('GET', `${origin(region)}/20180608/vaults/${vault.id}`)
    expect(await decrypt(call, String(body['cryptoEndpoint']), key, ciphertext)).toBe(plaintext)
  }

  const backup = { destination: 'BUCKET', bucketName: 'b', namespace: 'n', objectName: 'o' }

  beforeEach(async () => {
    count += 1
    folder = mkdtempSync(join(tmpdir(), 'vaultspan-migrate-'))
    data = join(folder, 'data')
    writeFileSync(place().pinFile, pins.pin, { mode: 0o600 })
    await open([])
    virtual = await aVaultWithAKey('DEFAULT')
    own = await aVaultWithAKey('VIRTUAL_PRIVATE')
    await replicate(call, origin(eu), own.vault, us)
    const saved = { backupLocation: backup, isIncludeKeys: true }
    expect((await call('POST', `${origin(eu)}/20180608/vaults/${own.vault.id}/actions/backup`, saved)).status).toBe(200)
    await cloud.idle()
    await cloud.close()
  })

  afterEach(async () => {
    await cloud.close().catch(() => undefined)
    rmSync(folder, { recursive: true })
  })

  test('serves what it had, replicates on, and keeps nothing of it in its file', async () => {
    init(1)
    const state = JSON.parse(readFileSync(join(data, 'hsm', `${eu}.json`), 'utf8')) as { root: string }
    expect((await migrate(eu)).join()).toContain('2 vaults’ keys are in the token')
    expect((await migrate(eu)).join()).toContain('nothing is changed')
    expect(readFileSync(join(data, 'hsm', `${eu}.json`), 'utf8')).not.toContain(state.root)
    expect(existsSync(join(data, 'hsm', `${eu}.migrating.json`))).toBe(false)
    await open([eu])
    const hsm = cloud.parts[0]?.hsm
    expect(hsm instanceof Pkcs11Hsm && hsm.partitionCounts()).toEqual({ free: 0, taken: 1, spent: 0 })
    for (const each of [virtual, own]) await opens(each)
    await opens(own, us)
    // The peers know its identity as before.
    await createKey(call, { ...own.vault, endpoint: await endpointOf(own.vault.id) }, cloud.tenancyId)
    await replicate(call, origin(eu), virtual.vault, us)
    await opens(virtual, us)
    await cloud.close()

    // The other one likewise: then nothing is simulated, and what was saved before comes back.
    await migrate(us)
    await open(regions)
    for (const each of [virtual, own]) for (const region of regions) await opens(each, region)
  })

  async function endpointOf(vaultId: string): Promise<string> {
    const { body } = await call('GET', `${origin(eu)}/20180608/vaults/${vaultId}`)
    return String(body['managementEndpoint'])
  }

  test('changes nothing where a token is missing, and goes on when there is one', async () => {
    init(0)
    const draft = join(data, 'hsm', `${eu}.migrating.json`)
    await expect(migrate(eu)).rejects.toThrow('(1 wanted, 0 free): make more with "hsm init --private"')
    expect(existsSync(draft)).toBe(false)
    await open([])
    await aVaultWithAKey('VIRTUAL_PRIVATE')
    await cloud.close()
    init(1)
    await expect(migrate(eu)).rejects.toThrow('(2 wanted, 1 free): make more with "hsm init --private"')
    expect(existsSync(draft)).toBe(false)
    expect((await tokenStatus({ ...place(), regions: null }, [eu], data)).lines.join()).toContain('1 free, 0 taken')
    init(2)
    await migrate(eu)
    await open([eu])
    for (const each of [virtual, own]) await opens(each)
  })

  test('has a token free again that a cut off attempt took for a vault that is gone since', async () => {
    init(1)
    const [file, rows] = [join(data, 'hsm', `${eu}.json`), join(data, 'regions', `${eu}.db`)]
    for (const each of [file, rows]) copyFileSync(each, `${each}.before`)
    await migrate(eu)
    copyFileSync(file, join(data, 'hsm', `${eu}.migrating.json`))
    for (const each of [file, rows]) copyFileSync(`${each}.before`, each)
    const database = new DatabaseSync(rows)
    database.prepare(`DELETE FROM item WHERE tbl = 'Vaults' AND pk = ?`).run(own.vault.id)
    database.close()
    expect((await migrate(eu)).join()).toContain('1 vaults’ keys are in the token')
    const { lines } = await tokenStatus({ ...place(), regions: null }, [eu], data)
    expect(lines.join()).toContain('1 free, 0 taken, 0 spent')
  })

  test('is refused where keys are on their way to it, or are under two roots', async () => {
    init(1)
    const [file, rows] = [join(data, 'hsm', `${eu}.json`), new DatabaseSync(join(data, 'regions', `${eu}.db`))]
    const waiting = transportPk(own.vault.id)
    rows.prepare(`INSERT INTO item (tbl, pk, sk, body) VALUES ('Replication', ?, '1', '{}')`).run(waiting)
    rows.close()
    await expect(migrate(eu)).rejects.toThrow('whose keys are on their way')
    const state = JSON.parse(readFileSync(file, 'utf8')) as { readonly root: string }
    writeFileSync(file, JSON.stringify({ ...state, formerRoot: state.root }))
    await expect(migrate(eu)).rejects.toThrow('is being rotated')
    const { lines } = await tokenStatus({ ...place(), regions: null }, [eu], data)
    expect(lines.join()).toContain('1 free, 0 taken, 0 spent')
  })

  test('is refused where a vault has a replica in a simulated region, unless that is meant', async () => {
    init(1)
    const kept = readFileSync(join(data, 'hsm', `${eu}.json`), 'utf8')
    const off = { ...place(), regions: null, allowsSoftwareReplicas: false }
    await expect(migrateRegion(data, eu, off)).rejects.toThrow(
      `Vault ${own.vault.id} has a replica in ${us}, which is simulated`,
    )
    expect(readFileSync(join(data, 'hsm', `${eu}.json`), 'utf8')).toBe(kept)
    await open([])
    await opens(own)
  })

  test('goes on where the last attempt ended between its rows and its file', async () => {
    init(1)
    const file = join(data, 'hsm', `${eu}.json`)
    copyFileSync(file, join(folder, 'simulated.json'))
    await migrate(eu)
    copyFileSync(file, join(data, 'hsm', `${eu}.migrating.json`))
    copyFileSync(join(folder, 'simulated.json'), file)
    await migrate(eu)
    await open([eu])
    for (const each of [virtual, own]) await opens(each)
  })

  test('tells one that was cut off, and what to do, wherever the region is looked at; no key is lost', async () => {
    init(2)
    const rows = (sql: string) => {
      const database = new DatabaseSync(join(data, 'regions', `${eu}.db`))
      database.exec(sql)
      database.close()
    }
    const says = `The migration of ${eu} into its token was cut off, and no key is lost: run it again (npm run hsm -- migrate --data ${data} --region ${eu}).`
    const settings = { ...place(), regions: [eu] }
    const environment = { PKCS11_MODULE: softHsmPath, PKCS11_PIN_FILE: place().pinFile, PKCS11_REGIONS: eu }
    const examined = async (HSM: string) => tokensCheck(await openPatient(data), { HSM, ...environment })
    rows(`CREATE TRIGGER ends BEFORE UPDATE ON item BEGIN SELECT RAISE(ABORT, 'it ends here'); END`)
    await expect(migrate(eu)).rejects.toThrow('it ends here')
    const tellsIt = async () => {
      expect((await tokenStatus(settings, [eu], data)).unfit).toEqual([`${eu}  ${says}`])
      await expect(open([eu])).rejects.toThrow(says)
      expect(() => init(0)).toThrow(says)
      expect(init(2)).toContain(`  ${place().label} ${eu}  ${says}`)
      expect(await examined('pkcs11')).toContainEqual(expect.objectContaining({ level: 'fail', says }))
      expect(await examined('simulated')).toContainEqual(expect.objectContaining({ level: 'warn', says }))
      expect(simulatedStatus(data, [eu])).toContain(`  ${eu}  ${says}`)
    }
    await tellsIt()
    // Between taking one identity away and making the other, before there is a state of the token.
    rmSync(join(data, 'hsm', `${eu}.migrating.json`))
    partitionToken({ module: softHsm(), label: `${place().label} ${eu}`, pin: () => pins.pin }).bare((session) => {
      removeSigner(session, identityLabel)
    })
    await tellsIt()
    rows('DROP TRIGGER ends')
    await open([])
    for (const each of [virtual, own]) await opens(each)
    await cloud.close()
    await migrate(eu)
    expect((await tokenStatus(settings, [eu], data)).unfit).toEqual([])
    expect(readdirSync(join(data, 'hsm')).filter((name) => name.includes('migrat'))).toEqual([])
    await open([eu])
    for (const each of [virtual, own]) await opens(each)
  })

  test('is refused while the service runs, and into another cloud’s token', async () => {
    init(1)
    await open([])
    await expect(migrate(eu)).rejects.toThrow(/in use|locked|another/)
    expect(() => init(2)).toThrow(/in use|locked|another/)
    await cloud.close()
    await migrate(eu)
    copyFileSync(join(data, 'hsm', `${us}.json`), join(folder, 'kept.json'))
    const other = join(folder, 'other')
    data = other
    await open([])
    await cloud.close()
    await expect(migrate(eu)).rejects.toThrow('Two directories that use the same tokens')
    // One of an older version does not say whose it is.
    partitionToken({ module: softHsm(), label: `${place().label} ${eu}`, pin: () => pins.pin }).bare((session) => {
      for (const mark of ownerMarks(session)) session.remove(mark)
    })
    await expect(migrate(eu)).rejects.toThrow('is another cloud')
  })
})
