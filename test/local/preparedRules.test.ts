import { setImmediate } from 'node:timers/promises'
import { hasRules } from '../../lib/iam/rulesOf.ts'
import { ociCloud, type OciCloud } from '../wire/ociCloud.ts'

let oci: OciCloud
beforeAll(async () => {
  oci = await ociCloud({}, { isScheduled: false })
})
afterAll(() => oci.close())

test('the rules that follow a change are made before a request needs them, in both regions', async () => {
  const { tenancyId } = oci
  // Whoever was never asked makes none.
  for (const endpoint of [oci.home, oci.other]) await oci.vaults(endpoint).listVaults({ compartmentId: tenancyId })
  const before = oci.cloud.parts.map(({ runtime }) => runtime.identity.known(tenancyId)?.seq ?? 0)
  const statements = ['Allow group Administrators to read keys in tenancy']
  const createPolicyDetails = { compartmentId: tenancyId, name: 'new', description: 'd', statements }
  await oci.identity().createPolicy({ createPolicyDetails })
  await oci.cloud.idle()
  for (const [index, { runtime }] of oci.cloud.parts.entries()) {
    const known = () => runtime.identity.fresh(tenancyId)?.tenancy
    for (let turns = 0; turns < 1000 && known() === undefined; turns += 1) await setImmediate()
    const tenancy = known()
    expect(tenancy?.seq).toBeGreaterThan(before[index] ?? 0)
    expect(tenancy !== undefined && hasRules(tenancy)).toBe(true)
  }
})
