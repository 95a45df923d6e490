import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { manifestName } from '../../local/snapshot/manifest.ts'
import { restoreSnapshot } from '../../local/snapshot/restoreSnapshot.ts'
import { takeSnapshot } from '../../local/snapshot/takeSnapshot.ts'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { callerOf } from './signedCaller.ts'
import { inCloud } from './inCloud.ts'
import { manifestIn, oneKeyMore, withSnapshot } from './snapshotHarness.ts'

const [ashburn, phoenix] = ['us-ashburn-1', 'us-phoenix-1'] as const

test('the restored cloud starts, and a region’s file that is put back from the snapshot later is found', () =>
  withSnapshot(async ({ snapshot, to }) => {
    await restoreSnapshot(snapshot, to)
    await oneKeyMore(to)
    cpSync(join(snapshot, 'regions', `${ashburn}.db`), join(to, 'regions', `${ashburn}.db`))
    await expect(inCloud(to, async () => undefined)).rejects.toThrow(/us-ashburn-1\.db is an older copy/)
  }))

// Other systems have 127.0.0.1 alone.
const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('a restored cloud starts beside the one that it is a copy of, at another address', () =>
  withSnapshot(async ({ data, snapshot, to }) => {
    await restoreSnapshot(snapshot, to)
    await inCloud(data, async ({ regions, tenancyId }) => {
      const beside = (host: string) =>
        startCloud({ directory: to, port: 0, settings: { preparesKeys: false, requiresServicePolicy: false, host } })
      await expect(beside('127.0.0.1')).rejects.toThrow(/listen at another address beside it \(--host 127\.0\.0\.2; /)
      const copy = await beside('127.0.0.2')
      const urlOf = async (cloud: Pick<Cloud, 'regions'>) => {
        const url = `${cloud.regions[0]?.endpoint}/20180608/vaults?compartmentId=${tenancyId}`
        return new URL(String((await callerOf(copy)('GET', url)).list[0]?.['cryptoEndpoint']))
      }
      try {
        const [here, there] = [await urlOf({ regions }), await urlOf(copy)]
        expect(there.hostname).toBe('127.0.0.2')
        expect(there.port).toBe(here.port)
        expect((await fetch(new URL('/healthz', there))).status).toBe(200)
      } finally {
        await copy.close()
      }
    })
  }),
)

/** Writes a file of a snapshot anew and has the manifest say so, as somebody would who mixes two snapshots. */
function forge(snapshot: string, name: string, content: Buffer): void {
  writeFileSync(join(snapshot, name), content)
  const manifest = manifestIn(snapshot)
  const sha256 = createHash('sha256').update(content).digest('hex')
  const files = manifest.files.map((file) => (file.name === name ? { name, bytes: content.length, sha256 } : file))
  writeFileSync(join(snapshot, manifestName), JSON.stringify({ ...manifest, files }))
}

type Harm = (snapshot: string, to: string) => void
const harms: Readonly<Record<string, readonly [Harm, RegExp]>> = {
  'a changed byte': [
    (snapshot) => {
      const file = join(snapshot, 'regions', `${phoenix}.db`)
      const bytes = readFileSync(file)
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
      writeFileSync(file, bytes)
    },
    /us-phoenix-1\.db is not as it was written: the snapshot is damaged/,
  ],
  'a missing file': [
    (snapshot) => {
      rmSync(join(snapshot, 'hsm', `${phoenix}.json`))
    },
    /hsm\/us-phoenix-1\.json of the snapshot cannot be read/,
  ],
  'a file of another snapshot': [
    (snapshot) => {
      writeFileSync(join(snapshot, 'regions', 'uk-london-1.db'), 'x')
    },
    /uk-london-1\.db is not of this snapshot/,
  ],
  'no manifest': [
    (snapshot) => {
      rmSync(join(snapshot, manifestName))
    },
    /holds no whole snapshot: snapshot\.json is missing or damaged/,
  ],
  'another format': [
    (snapshot) => {
      const changed = { ...manifestIn(snapshot), format: 'vaultspan/snapshot/2' }
      writeFileSync(join(snapshot, manifestName), JSON.stringify(changed))
    },
    /has the format vaultspan\/snapshot\/2; this version reads vaultspan\/snapshot\/1/,
  ],
  'a name that leads out of it': [
    (snapshot) => {
      writeFileSync(join(snapshot, '..', 'outside'), 'x')
      const manifest = manifestIn(snapshot)
      const files = [...manifest.files, { name: '../outside', bytes: 1, sha256: 'x' }]
      writeFileSync(join(snapshot, manifestName), JSON.stringify({ ...manifest, files }))
    },
    /is no such file; this version reads/,
  ],
  'the HSM of another cloud': [
    (snapshot) => {
      const other = JSON.parse(readFileSync(join(snapshot, 'hsm', `${ashburn}.json`), 'utf8')) as object
      forge(snapshot, `hsm/${ashburn}.json`, Buffer.from(JSON.stringify({ ...other, tenancies: {} })))
    },
    /does not belong together/,
  ],
  'a target that is not empty': [
    (_, to) => {
      mkdirSync(to)
      writeFileSync(join(to, 'mine'), 'x')
    },
    /is not empty; name a directory that is empty or not there yet/,
  ],
}

test.each(Object.entries(harms))('of %s nothing is restored', (_, [harm, says]) =>
  withSnapshot(async ({ snapshot, to }) => {
    harm(snapshot, to)
    const before = existsSync(to) ? readdirSync(to) : undefined
    await expect(restoreSnapshot(snapshot, to)).rejects.toThrow(says)
    expect(existsSync(to) ? readdirSync(to) : undefined).toEqual(before)
  }),
)

test('one region’s file of a later snapshot among those of an earlier one is found', () =>
  withSnapshot(async ({ data, snapshot, to }) => {
    await oneKeyMore(data)
    const later = `${snapshot}-later`
    await takeSnapshot(data, later)
    forge(snapshot, `regions/${phoenix}.db`, readFileSync(join(later, 'regions', `${phoenix}.db`)))
    await expect(restoreSnapshot(snapshot, to)).rejects.toThrow(
      'does not belong together: us-phoenix-1 knows of changes that us-ashburn-1 has not',
    )
  }))
