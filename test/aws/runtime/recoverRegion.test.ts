import { recoverRegion } from '../../../lib/aws/putBack/recoverRegion.ts'
import { twoRegions, type TestCloud, type TestRegion } from '../../harness/twoRegions.ts'
import { putBackAndRecover } from '../harness/putBackAndRecover.ts'

let cloud: TestCloud
beforeEach(async () => {
  cloud = await twoRegions()
})
afterEach(() => {
  cloud.close()
})

test('what the peer has comes back, and a vault that was made since is told as lost', async () => {
  const { takenBack, lost } = await putBackAndRecover(cloud, (work) => work())
  expect(takenBack).toEqual({ vaults: expect.any(Number) as number, keys: 1 })
  expect(takenBack.vaults).toBeGreaterThan(0)
  expect(lost).toHaveLength(1)
})

const known = () => Promise.resolve(0)
const asked = ({ runtime }: TestRegion) => ({ runtime, tenancyIds: [cloud.tenancyId], known })

test('a step that is not there is refused by its name', async () => {
  await expect(recoverRegion(asked(cloud.a), { step: 'constructor' as 'fenceOf', args: ['x'] })).rejects.toThrow(
    'There is no step "constructor".',
  )
})

test('answers and arguments of every step can be sent as JSON', async () => {
  const ports = asked(cloud.a)
  expect(await recoverRegion(ports, { step: 'tenancyIds', args: [] })).toEqual([cloud.tenancyId])
  expect(await recoverRegion(ports, { step: 'lookForPutBack', args: [] })).toBeNull()
  expect(await recoverRegion(ports, { step: 'vaultsFrom', args: [cloud.tenancyId, 0] })).toEqual({
    vaults: [],
    next: null,
  })
  expect(await recoverRegion(ports, { step: 'endPutBack', args: [4] })).toBeNull()
})
