import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { applyInit, type Applied } from '../../local/init/applyInit.ts'
import { parseInit, parseInitText } from '../../local/init/initFile.ts'
import type { ReadyFile } from '../../local/cloud/readyFile.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { startVaultspan } from '../../local/vaultspan.ts'
import type { VaultspanInit } from '../../local/vaultspanTypes.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { noHurry } from '../harness/noHurry.ts'
import { freeBase } from './freePorts.ts'
import { callerOf, type SignedCaller } from './signedCaller.ts'
import { isReady, run, startProcess, withDirectory } from './startedService.ts'
import { suiteBase } from './suiteBase.ts'
import { decrypt, encrypt, plaintext } from './vaultSteps.ts'

const phoenix = 'us-phoenix-1'
const whole = {
  compartments: [{ name: 'payments' }, { name: 'cards', parent: 'payments', description: 'of the cards' }],
  groups: [{ name: 'app' }],
  users: [{ name: 'svc', groups: ['app'] }],
  policies: [
    { name: 'replication', statements: ['Allow service keymanagementservice to manage vaults in tenancy'] },
    { name: 'app', compartment: 'cards', statements: ['Allow group app to use keys in compartment cards'] },
  ],
  vaults: [
    {
      name: 'main',
      compartment: 'cards',
      type: 'VIRTUAL_PRIVATE',
      replicateTo: phoenix,
      keys: [
        { name: 'k', versions: 3 },
        { name: 'signer', shape: { algorithm: 'ECDSA', length: 32, curveId: 'NIST_P256' }, protectionMode: 'SOFTWARE' },
      ],
    },
    { name: 'west', region: phoenix, keys: [{ name: 'w' }] },
  ],
} satisfies VaultspanInit

/** Starts with this init in a directory; resolves with what was applied, after `body`. */
async function startWith(
  directory: string,
  init: VaultspanInit,
  body: (cloud: Cloud, applied: Applied) => Promise<void> = async () => undefined,
): Promise<Applied> {
  const done: Applied[] = []
  const cloud = await startCloud({
    directory,
    port: await suiteBase(),
    generateRsa: knownRsaPair,
    settings: { preparesKeys: false, ...noHurry },
    begin: async (begun) => done.push(await applyInit(begun, parseInit(init))),
  })
  try {
    const [applied] = done
    if (applied === undefined) throw new Error('Nothing was applied.')
    await body(cloud, applied)
    return applied
  } finally {
    await cloud.close()
  }
}

async function versionsOf(call: SignedCaller, endpoint: string, keyId: string): Promise<number> {
  return (await call('GET', `${endpoint}/20180608/keys/${keyId}/keyVersions`)).list.length
}

test('a file makes everything that it names, in order, and a second start with it changes nothing', () =>
  withDirectory(async (parent) => {
    const directory = join(parent, 'data')
    const first = await startWith(directory, whole, async (cloud, { made, count }) => {
      const call = callerOf(cloud)
      const { main, west } = made.vaults
      const [k = '', signer = ''] = ['k', 'signer'].map((name) => main?.keys[name])
      // 2 compartments, a group, a user in it, 2 policies, 2 vaults, a replica, 3 keys and 2 more versions.
      expect(count).toBe(15)
      const vault = await call('GET', `${cloud.regions[0]?.endpoint}/20180608/vaults/${main?.id}`)
      expect(vault.body).toMatchObject({ vaultType: 'VIRTUAL_PRIVATE', compartmentId: made.compartments['cards'] })
      const key = await call('GET', `${main?.managementEndpoint}/20180608/keys/${signer}`)
      expect(key.body).toMatchObject({ protectionMode: 'SOFTWARE', keyShape: { algorithm: 'ECDSA' } })
      expect(await versionsOf(call, main?.managementEndpoint ?? '', k)).toBe(3)
      const ciphertext = await encrypt(call, main?.cryptoEndpoint ?? '', k)
      expect(await decrypt(call, main?.replica?.cryptoEndpoint ?? '', k, ciphertext)).toBe(plaintext)
      expect([main?.region, west?.region]).toEqual(['us-ashburn-1', phoenix])
      expect(await encrypt(call, west?.cryptoEndpoint ?? '', west?.keys['w'] ?? '')).not.toBe('')
      // Whoever owns the cloud takes something away: it is not made again by the same file.
      await call('POST', `${main?.managementEndpoint}/20180608/keys/${k}/actions/scheduleDeletion`, {})
    })
    const second = await startWith(directory, whole, async (cloud) => {
      const { list } = await callerOf(cloud)(
        'GET',
        `${first.made.vaults['main']?.managementEndpoint}/20180608/keys?compartmentId=${first.made.compartments['cards']}`,
      )
      expect(list.map((each) => each['displayName']).toSorted()).toEqual(['k', 'signer'])
    })
    expect(second).toEqual({ made: first.made, count: undefined })
    const more = { ...whole, compartments: [...whole.compartments, { name: 'loans' }], vaults: whole.vaults.slice(1) }
    const third = await startWith(directory, more)
    expect(third.count).toBe(1)
    expect(third.made.compartments).toMatchObject(first.made.compartments)
    expect(third.made.vaults).toEqual({ west: first.made.vaults['west'] })
  }))

test('what is refused names its place in the file; a new directory goes, and in an old one the next start goes on from there', () =>
  withDirectory(async (parent) => {
    const directory = join(parent, 'data')
    const vault = (length: number) => ({
      vaults: [
        {
          name: 'v',
          keys: [
            { name: 'a', versions: 2 },
            { name: 'b', shape: { algorithm: 'AES', length } },
          ],
        },
      ],
    })
    const refused = /\$\.vaults\[0\]\.keys\[1\]: POST \/20180608\/keys was answered 400 InvalidParameter: .*length/
    await expect(startWith(directory, vault(7))).rejects.toThrow(refused)
    expect(existsSync(directory)).toBe(false)
    await startWith(directory, {})
    await expect(startWith(directory, vault(7))).rejects.toThrow(refused)
    expect((await startWith(directory, vault(32))).count).toBe(1)
  }))

const refusals: readonly (readonly [string, unknown, RegExp])[] = [
  ['a number for a name', { vaults: [{ name: 1 }] }, /^\$\.vaults\[0\]\.name: .*string/],
  [
    'a member that is not known',
    { vaults: [{ name: 'v', keys: [{ name: 'k', kind: 'x' }] }] },
    /^\$\.vaults\[0\]\.keys\[0\]\.kind: /,
  ],
  ['a type that is none', { vaults: [{ name: 'v', type: 'SMALL' }] }, /^\$\.vaults\[0\]\.type: .*"DEFAULT"/],
  [
    'no statements',
    { policies: [{ name: 'p', statements: [] }] },
    /^\$\.policies\[0\]\.statements: at least one statement$/,
  ],
  [
    'a name that is there twice',
    { groups: [{ name: 'g' }, { name: 'g' }] },
    /^\$\.groups\[1\]\.name: "g" is there twice\.$/,
  ],
  ['a list for the whole', [], /^\$: /],
]

test.each(refusals)('%s is refused by its JSON path', (_, value, says) => {
  expect(() => parseInit(value)).toThrow(says)
})

test('text that is no JSON is refused', () => {
  expect(() => parseInitText('{')).toThrow('it is not valid JSON.')
})

test.each([
  [
    'compartment',
    { vaults: [{ name: 'v', compartment: 'x' }] },
    '$.vaults[0].compartment: there is no compartment "x"',
  ],
  ['group', { users: [{ name: 'u', groups: ['x'] }] }, '$.users[0].groups[0]: there is no group "x"'],
  ['region', { vaults: [{ name: 'v', region: 'eu-x-1' }] }, '$.vaults[0]: there is no region eu-x-1'],
])('a %s that is not there is refused by its JSON path', async (_, init, says) => {
  await expect(startWith(':memory:', init)).rejects.toThrow(says)
})

test('startVaultspan takes an init, or a file with one', () =>
  withDirectory(async (directory) => {
    const file = join(directory, 'init.json')
    const init = { vaults: [{ name: 'v', keys: [{ name: 'k' }] }] }
    writeFileSync(file, JSON.stringify(init))
    for (const given of [init, file]) {
      const kms = await startVaultspan({ init: given })
      expect(kms.made.vaults['v']?.keys['k']).toMatch(/^ocid1\.key\./)
      await kms.close()
    }
    await expect(startVaultspan({ init: { vaults: [{ name: '' }] } })).rejects.toThrow('$.vaults[0].name: a name')
  }))

test('start --init says what it made, keeps it in a file and in the ready file, and refuses a wrong one in one line', () =>
  withDirectory(async (directory) => {
    const [file, ready, data] = ['file.json', 'ready.json', 'data'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ]
    writeFileSync(file, JSON.stringify({ vaults: [{ name: 'v', keys: [{ name: 'k' }] }] }))
    const flags = ['start', '--port', String(await freeBase()), '--data', data, '--init', file, '--ready-file', ready]
    for (const says of ['made 2 of what', 'was applied before; nothing is changed']) {
      const service = startProcess('local/main.ts', flags)
      await isReady(service)
      await service.hasSaid(`Its OCIDs: ${join(data, 'init.json')}\n`)
      expect(service.said.out).toContain(says)
      const { made } = JSON.parse(readFileSync(ready, 'utf8')) as ReadyFile
      expect(made?.vaults['v']?.keys['k']).toMatch(/^ocid1\.key\./)
      expect(JSON.parse(readFileSync(join(data, 'init.json'), 'utf8'))).toEqual(made)
      service.signal('SIGTERM')
      expect(await service.exited).toBe(0)
    }
    writeFileSync(file, '{"vaults":[{}]}')
    const { code, out, err } = await run('local/main.ts', ['start', '--data', join(directory, 'new'), '--init', file])
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(/^--init \S+file\.json: \$\.vaults\[0\]\.name: [^\n]+\n$/)
    expect(existsSync(join(directory, 'new'))).toBe(false)
  }))
