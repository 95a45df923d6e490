import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { appendIdentity } from '../../lib/kms/identity/identityLog.ts'
import type { GroupRow, NewIdentityRow, PolicyRow } from '../../lib/kms/identity/identityRows.ts'
import { rowsOf, tenancyState, type TenancyState } from '../../lib/kms/identity/tenancyState.ts'
import { openSqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { verifyAudit } from '../../local/audit/verifyAudit.ts'
import { HostDirectory } from '../../local/directory/hostDirectory.ts'
import { openRegionHsm } from '../../local/hsm/openRegionHsm.ts'
import { tokenSettings } from '../../local/hsm/tokenSettings.ts'
import { resetAdministrator } from '../../local/cloud/resetAdministrator.ts'
import { startCloud } from '../../local/cloud/startCloud.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { operatorEvents } from './operatorEvents.ts'
import { callerByProfile } from './signedCaller.ts'
import { withDirectory } from './startedService.ts'

/** What versions before 0.2 let be done to a tenancy, and how it becomes administrable again. */

interface Damage {
  readonly puts?: readonly NewIdentityRow[]
  readonly deletes?: readonly string[]
}

async function damage(path: string, how: (state: TenancyState, userId: string) => Damage): Promise<void> {
  const directory = new HostDirectory(path)
  const [tenancyId = '', userId = '', region = ''] = ['tenancyId', 'administratorId', 'homeRegion'].map((name) =>
    directory.fact(name),
  )
  const file = directory.file('regions', `${region}.db`) ?? ''
  const store = openSqliteRegionStore({ file, clock: Date.now, newId: randomUUID })
  try {
    const hsm = openRegionHsm({ region, directory, tokens: tokenSettings(process.env) })
    const ports = { tables: store.tables, hsm, region, homeRegion: region }
    const state = await tenancyState(ports, tenancyId)
    const { puts = [], deletes = [] } = how(state, userId)
    expect(await appendIdentity(ports, tenancyId, { after: state.seq, puts, deletes })).toBe(true)
  } finally {
    store.close()
    directory.close()
  }
}

const adminPolicy = (state: TenancyState) => {
  const [policy] = rowsOf<PolicyRow>(state, 'policy').filter(({ name }) => name === 'Tenant Admin Policy')
  if (policy === undefined) throw new Error('There is no such policy.')
  return policy
}
const skOf = (state: TenancyState, kind: 'group' | 'membership' | 'user') =>
  [...state.rows.values()].filter((row) => row.kind === kind).map(({ sk }) => sk)
const fingerprints = (state: TenancyState) => [...state.rows.keys()].filter((sk) => sk.startsWith('apiKey#'))
const policyRows = (state: TenancyState) => [adminPolicy(state).sk, 'policyName#tenant admin policy']

test.each<[string, (state: TenancyState) => Damage]>([
  ['the policy was deleted', (state) => ({ deletes: policyRows(state) })],
  [
    'the policy was narrowed',
    (state) => ({
      puts: [{ ...adminPolicy(state), statements: ['Allow group Administrators to read keys in tenancy'] }],
    }),
  ],
  [
    'the policy means a group that is gone',
    (state) => ({
      puts: [
        {
          ...adminPolicy(state),
          bound: { compartments: [], groups: [{ name: 'administrators', id: 'ocid1.group.oc1..gone' }] },
        },
      ],
    }),
  ],
  ['the membership is gone', (state) => ({ deletes: skOf(state, 'membership') })],
  ['the user is gone', (state) => ({ deletes: [...skOf(state, 'membership'), ...skOf(state, 'user')] })],
  [
    'all of it is gone',
    (state) => ({
      deletes: [...policyRows(state), ...skOf(state, 'membership'), ...skOf(state, 'user'), ...skOf(state, 'group')],
    }),
  ],
])('reset-administrator makes a cloud administrable again where %s', (_what, how) =>
  withDirectory(async (path) => {
    const options = { directory: path, port: 0, generateRsa: knownRsaPair }
    await (await startCloud(options)).close()
    await damage(path, how)
    await resetAdministrator(path)
    const cloud = await startCloud(options)
    try {
      const call = callerByProfile(path)
      const at = (target: string) => `${cloud.regions[0]?.endpoint ?? ''}/20160918/${target}`
      const details = { compartmentId: cloud.tenancyId, name: 'made-since', description: 'd' }
      expect(await call('POST', at('groups'), details)).toMatchObject({ status: 200 })
      expect(await call('GET', at(`users/${cloud.administrator.userId}`))).toMatchObject({
        body: { name: 'administrator' },
      })
      for (const { endpoint } of cloud.regions) {
        const { list } = await call('GET', `${endpoint}/20160918/policies?compartmentId=${cloud.tenancyId}`)
        expect(list.filter(({ name }) => name === 'Tenant Admin Policy')).toMatchObject([
          { statements: ['Allow group Administrators to manage all-resources in tenancy'] },
        ])
        const groups = await call('GET', `${endpoint}/20160918/groups?compartmentId=${cloud.tenancyId}`)
        expect(groups.list.filter(({ name }) => name === 'Administrators')).toHaveLength(1)
      }
    } finally {
      await cloud.close()
    }
  }),
)

test('reset-administrator is in the audit, in the transaction of the change, and cannot be taken out of it', () =>
  withDirectory(async (path) => {
    const options = { directory: path, port: 0, generateRsa: knownRsaPair }
    const region = 'us-ashburn-1'
    await (await startCloud(options)).close()
    await damage(path, (state) => ({ deletes: skOf(state, 'membership') }))
    const fingerprint = await resetAdministrator(path)
    expect(operatorEvents(path, region)).toEqual([
      ['ResetAdministrator', { fingerprints: [fingerprint], putBack: ['membership'] }],
    ])
    const verified = async () => (await verifyAudit([path], { now: Date.now() })).reports[0]
    expect(await verified()).toMatchObject({ region, findings: [], unsigned: 0 })
    // The next start tells the other region of it, as of all.
    const cloud = await startCloud(options)
    await cloud.close()
    expect(await verified()).toMatchObject({ region, findings: [], unsigned: 0 })
    const database = new DatabaseSync(join(path, 'regions', `${region}.db`))
    database.exec("DELETE FROM item WHERE tbl = 'Audit' AND body LIKE '%ResetAdministrator%'")
    database.close()
    expect((await verified())?.findings.map(({ kind }) => kind)).toContain('missing')
  }))

test('a key that the audit does not take is not the administrator’s', () =>
  withDirectory(async (path) => {
    const options = { directory: path, port: 0, generateRsa: knownRsaPair }
    await (await startCloud(options)).close()
    const before: string[] = []
    await damage(path, (state) => (before.push(...fingerprints(state)), {}))
    const trigger = (sql: string) => {
      const database = new DatabaseSync(join(path, 'regions', 'us-ashburn-1.db'))
      database.exec(sql)
      database.close()
    }
    trigger("CREATE TRIGGER none BEFORE INSERT ON item WHEN NEW.tbl = 'Audit' BEGIN SELECT RAISE(ABORT, 'no'); END")
    await expect(resetAdministrator(path)).rejects.toThrow('no')
    trigger('DROP TRIGGER none')
    const after: string[] = []
    await damage(path, (state) => (after.push(...fingerprints(state)), {}))
    expect(after).toEqual(before)
  }))

test('reset-administrator writes no more than the key where nothing is missing', () =>
  withDirectory(async (path) => {
    await (await startCloud({ directory: path, port: 0, generateRsa: knownRsaPair })).close()
    const before: TenancyState[] = []
    await damage(path, (state) => (before.push(state), {}))
    await resetAdministrator(path)
    await damage(path, (state) => (before.push(state), {}))
    const [first, last] = before.map(({ rows }) => [...rows.keys()].filter((sk) => !sk.startsWith('apiKey#')))
    expect(last).toEqual(first)
    expect(before.map((state) => adminPolicy(state).etag)).toEqual(
      Array(2).fill(before[0] && adminPolicy(before[0]).etag),
    )
    expect(before.map((state) => rowsOf<GroupRow>(state, 'group').length)).toEqual([1, 1])
  }))
