import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import type { ApartRegion } from '../../local/apart/apartRegion.ts'
import { initRegion } from '../../local/apart/initRegion.ts'
import { withDirectory } from './startedService.ts'

const region: ApartRegion = {
  format: 'vaultspan/apart/1',
  region: 'us-ashburn-1',
  isHome: true,
  peerAddress: '127.0.0.1:7650',
  host: '127.0.0.1',
  port: 7600,
  advertised: { scheme: 'http', host: 'localhost', portShift: null, by: 'names' },
  tls: false,
  tlsCert: null,
  tlsKey: null,
}

/** What `region init` of a home region has stored when it is killed before its last step. */
async function interrupted(path: string): Promise<string> {
  await initRegion(path, region)
  const database = new DatabaseSync(join(path, 'host.db'))
  try {
    database.exec("DELETE FROM facts WHERE name = 'apart'")
    return String(database.prepare("SELECT value FROM facts WHERE name = 'tenancyId'").get()?.['value'])
  } finally {
    database.close()
  }
}

function tenancyIn(path: string): unknown {
  const database = new DatabaseSync(join(path, 'host.db'), { readOnly: true })
  try {
    return database.prepare("SELECT value FROM facts WHERE name = 'tenancyId'").get()?.['value']
  } finally {
    database.close()
  }
}

test('one that was interrupted before its end goes on when it is typed again, with the tenancy that it had made', () =>
  withDirectory(async (path) => {
    const tenancyId = await interrupted(path)
    await initRegion(path, region)
    expect(tenancyIn(path)).toBe(tenancyId)
    await expect(initRegion(path, region)).rejects.toThrow(/holds a region or a cloud already/)
  }))

test.each([
  ['another region', { region: 'us-phoenix-1' }],
  ['a region that is not the home region', { isHome: false }],
])('and is not made %s', (_, change) =>
  withDirectory(async (path) => {
    const tenancyId = await interrupted(path)
    await expect(initRegion(path, { ...region, ...change })).rejects.toThrow(/holds a region or a cloud already/)
    expect(tenancyIn(path)).toBe(tenancyId)
  }),
)
