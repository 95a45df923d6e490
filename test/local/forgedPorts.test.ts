import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { startCloud } from '../../local/cloud/startCloud.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { freeBase } from './freePorts.ts'
import { callerOf, type Answered } from './signedCaller.ts'
import { withDirectory } from './startedService.ts'
import { createKey, createVault, type MadeVault } from './vaultSteps.ts'

/** Whoever can write to host.db can lead no port to another vault. */

test('a port that was given to another vault leads nowhere, and to its own again when it is given back', () =>
  withDirectory(async (directory) => {
    const port = await freeBase()
    const opened = async <T>(body: (cloud: Awaited<ReturnType<typeof startCloud>>) => Promise<T>): Promise<T> => {
      const cloud = await startCloud({ directory, port, generateRsa: knownRsaPair })
      try {
        return await body(cloud)
      } finally {
        await cloud.close()
      }
    }
    const vaults = await opened(async (cloud) => {
      const region = cloud.regions[0]?.endpoint ?? ''
      const make = () => createVault(callerOf(cloud), region, cloud.tenancyId)
      return [await make(), await make()] as const
    })
    const created = ({ endpoint }: MadeVault): Promise<Answered> =>
      opened(async (cloud) => {
        const details = { compartmentId: cloud.tenancyId, displayName: 'k', keyShape: { algorithm: 'AES', length: 32 } }
        return callerOf(cloud)('POST', `${endpoint}/20180608/keys`, details)
      })
    swapPorts(directory, vaults)
    for (const vault of vaults) expect(await created(vault)).toMatchObject({ status: 500 })
    swapPorts(directory, vaults)
    for (const vault of vaults) expect(await created(vault)).toMatchObject({ status: 200, body: { vaultId: vault.id } })
  }))

function swapPorts(directory: string, [one, other]: readonly [MadeVault, MadeVault]): void {
  const database = new DatabaseSync(join(directory, 'host.db'))
  const move = database.prepare('UPDATE ports SET vaultId = ? WHERE vaultId = ?')
  for (const [to, from] of [
    ['none', one.id],
    [one.id, other.id],
    [other.id, 'none'],
  ] as const)
    move.run(to, from)
  database.close()
}

test('ports that an older version kept without a MAC stay with their vaults', () =>
  withDirectory(async (directory) => {
    const port = await freeBase()
    const first = await startCloud({ directory, port, generateRsa: knownRsaPair })
    const vault = await createVault(callerOf(first), first.regions[0]?.endpoint ?? '', first.tenancyId)
    const { tables } = first.parts[0]?.store ?? {}
    await tables?.write([{ op: 'delete', table: 'Replication', pk: `port#${vault.id}`, sk: 'port' }])
    await first.close()
    const second = await startCloud({ directory, port, generateRsa: knownRsaPair })
    expect(await createKey(callerOf(second), vault, second.tenancyId)).toMatch(/^ocid1\.key/)
    expect(await second.parts[0]?.store.tables.get('Replication', `port#${vault.id}`, 'port')).toBeDefined()
    await second.close()
  }))
