import type { RegionStatement } from '../../../lib/hsm/hsm.ts'
import { introduce, lackingIdentity, type TenancyHome } from '../../../lib/runtime/tenancyInRegions.ts'

const tenancyId = 't'

/** A region that says what it was asked, and gets a part of the log with each look. */
function aRegion(name: string, gains: number, asked: string[] = []): TenancyHome & { readonly asked: string[] } {
  let head = 0
  return {
    name,
    asked,
    identityPublicKey: async () => `key of ${name}`,
    acceptStatement: async (root, statement) => {
      asked.push(`accept ${root}: ${JSON.stringify(statement)}`)
    },
    identityHead: async () => {
      asked.push('head')
      head += gains
      return head
    },
    tenancyRoot: async () => `root of ${name}`,
    stateRegion: async (...of) => of as unknown as RegionStatement,
  }
}

test('each region pins the root that signs for its name and its own key', async () => {
  const [home, other] = [aRegion('home', 1), aRegion('other', 1)]
  for (const region of [home, other]) await introduce(home, region, tenancyId)
  expect(other.asked).toEqual(['accept root of home: ["t","other","key of other"]'])
  expect(home.asked).toEqual(['accept root of home: ["t","home","key of home"]'])
})

test('it is looked until every region has the log, and those that have it are not asked again', async () => {
  const [quick, slow, never] = [aRegion('quick', 3), aRegion('slow', 1), aRegion('never', 0)]
  const home = { identityHead: async () => 3 }
  const patience = { looks: 4, pauseMs: 0 }
  expect(await lackingIdentity(home, [quick, slow], tenancyId, patience)).toEqual([])
  expect([quick.asked.length, slow.asked.length]).toEqual([1, 3])
  expect(await lackingIdentity(home, [aRegion('quick', 3), never], tenancyId, patience)).toEqual(['never'])
  expect(never.asked).toHaveLength(5)
})
