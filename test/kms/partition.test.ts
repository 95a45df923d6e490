import { keepingPartition, settlePartition } from '../../lib/kms/vaults/partition.ts'
import type { Item } from '../../lib/ports.ts'
import { aVault } from '../hsm/contract/fixtures.ts'

const vault = aVault({ isPrivate: true })

function aRegion() {
  const rows = new Map<string, Item>()
  const released: string[] = []
  const row = (pk: string, more: object = {}): Item => ({ pk, sk: 'keys', ...more })
  const ports = {
    tables: {
      get: async (_table: string, pk: string) => rows.get(pk),
      query: async (_table: string, pk: string) => ({ items: [rows.get(pk)].filter((item) => item !== undefined) }),
    },
    hsm: {
      hasPartition: () => true,
      releasePartition: (_vault: unknown, why: string) => released.push(why),
    },
  } as unknown as Parameters<typeof keepingPartition>[0]
  return { ports, rows, released, row }
}

const stores = async () => 'stored'
const storesNothing = async () => undefined
const throws = async () => {
  throw new Error('the disk is full')
}

test('a partition stays with what was stored', async () => {
  const { ports, released } = aRegion()
  expect(await keepingPartition(ports, vault, stores)).toBe('stored')
  expect(released).toEqual([])
})

test('it goes back where nothing was stored, by an answer or by an error', async () => {
  const { ports, released } = aRegion()
  await keepingPartition(ports, vault, storesNothing)
  await expect(keepingPartition(ports, vault, throws)).rejects.toThrow('the disk is full')
  expect(released).toEqual(['neverWas', 'neverWas'])
})

test('it stays where an earlier call has stored the vault, or a transport key waits', async () => {
  const { ports, rows, released, row } = aRegion()
  rows.set(vault.vaultId, row(vault.vaultId, { wrapped: { hsmKek: 'k' } }))
  await keepingPartition(ports, vault, storesNothing)
  rows.set(vault.vaultId, row(vault.vaultId, { wrapped: { hsmKek: null } }))
  rows.set(`transport#${vault.vaultId}`, row('t'))
  await settlePartition(ports, vault, 'isDeleted')
  expect(released).toEqual([])
  rows.delete(`transport#${vault.vaultId}`)
  await settlePartition(ports, vault, 'isDeleted')
  expect(released).toEqual(['isDeleted'])
})

test('nobody takes it from under another call for the same vault, which settles it in the end', async () => {
  const { ports, released } = aRegion()
  const end = Promise.withResolvers<undefined>()
  const first = keepingPartition(ports, vault, () => end.promise)
  await keepingPartition(ports, vault, storesNothing)
  await settlePartition(ports, vault, 'isDeleted')
  expect(released).toEqual([])
  end.resolve(undefined)
  await first
  expect(released).toEqual(['neverWas'])
})
