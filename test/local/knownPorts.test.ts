import { HttpGateway } from '../../local/gateway/httpGateway.ts'
import { KnownPorts } from '../../local/processes/knownPorts.ts'
import { startCloud } from '../../local/cloud/startCloud.ts'
import { freeBase } from './freePorts.ts'

/** Whoever calls until a region is back must never hear for a moment that nothing is found at its port. */

const vaultId = 'ocid1.vault.oc1..a'

test('whose port it is is known before a vault listens there', async () => {
  const ports = new KnownPorts([], { portOf: () => Promise.reject(new Error('not asked')) })
  const port = await ports.listen(7700, vaultId, async (wanted) => {
    expect(ports.vaultAt(wanted)).toBe(vaultId)
    return wanted
  })
  expect(ports.vaultAt(port)).toBe(vaultId)
})

test('any free port leads to the vault once it is known which one that is', async () => {
  const ports = new KnownPorts([], { portOf: () => Promise.reject(new Error('not asked')) })
  await ports.listen(0, vaultId, async () => 7701)
  expect(ports.vaultAt(7701)).toBe(vaultId)
  expect(ports.vaultAt(0)).toBeUndefined()
})

test('a region knows its own port before it listens there', async () => {
  const cloud = await startCloud({ directory: ':memory:', port: 0, settings: { preparesKeys: false } })
  const { listen } = Object.getOwnPropertyDescriptors(HttpGateway.prototype)
  try {
    const [region] = cloud.parts
    if (region === undefined) throw new Error('A cloud has a region.')
    const known: boolean[] = []
    HttpGateway.prototype.listen = async (wanted) => {
      known.push(region.runtime.isRegionHost('127.0.0.1', wanted))
      return wanted
    }
    await region.listen(await freeBase())
    expect(known).toEqual([true])
  } finally {
    Object.defineProperty(HttpGateway.prototype, 'listen', listen)
    await cloud.close()
  }
})
