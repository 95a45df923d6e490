import type { Hsm } from '../../lib/hsm/hsm.ts'
import { keepingPartition, settlePartition, transportPk } from '../../lib/kms/vaults/partition.ts'
import type { Item, Tables } from '../../lib/ports.ts'

const vault = { realm: 'oc1', tenancyId: 't', vaultId: 'v', isPrivate: true }

/** Tables that hold transport keys, and say what they held when they were asked only when they are told to. */
function slowTables() {
  const transports: Item[] = []
  const answers: (() => void)[] = []
  let isSlow = true
  const tables = {
    get: async () => undefined,
    query: (_table: string, pk: string) => {
      const items = transports.filter((each) => each.pk === pk)
      return new Promise<{ items: Item[] }>((resolve) => {
        if (!isSlow) resolve({ items })
        answers.push(() => {
          resolve({ items })
        })
      })
    },
  } as unknown as Tables
  /** What was asked, and from here on at once. */
  const answer = async () => {
    await new Promise((resolve) => setImmediate(resolve))
    isSlow = false
    for (const each of answers) each()
  }
  return { tables, transports, answer }
}

function anHsm() {
  const released: string[] = []
  const hsm = {
    hasPartition: () => released.length === 0,
    releasePartition: (_vault: object, why: string) => released.push(why),
  } as unknown as Hsm
  return { hsm, released }
}

describe('a purge that is repeated', () => {
  test('leaves the token of a link whose transport key is being made', async () => {
    const { hsm, released } = anHsm()
    const { tables, answer } = slowTables()
    let store: () => void = () => undefined
    const made = keepingPartition(
      { tables, hsm },
      vault,
      () =>
        new Promise<true>((resolve) => {
          store = () => {
            resolve(true)
          }
        }),
    )
    const settled = settlePartition({ tables, hsm }, vault, 'isDeleted')
    await answer()
    await settled
    store()
    await made
    expect(released).toEqual([])
  })

  test('leaves it, too, where the key was stored after it looked and before it heard what it saw', async () => {
    const { hsm, released } = anHsm()
    const { tables, transports, answer } = slowTables()
    const settled = settlePartition({ tables, hsm }, vault, 'isDeleted')
    // It has asked: nothing waits there.
    await new Promise((resolve) => setImmediate(resolve))
    await keepingPartition({ tables, hsm }, vault, async () => {
      transports.push({ pk: transportPk('v'), sk: '2' })
      return true
    })
    await answer()
    await settled
    expect(released).toEqual([])
  })

  test('takes a token that nothing needs', async () => {
    const { hsm, released } = anHsm()
    const { tables, answer } = slowTables()
    const settled = settlePartition({ tables, hsm }, vault, 'isDeleted')
    await answer()
    await settled
    expect(released).toEqual(['isDeleted'])
  })
})
