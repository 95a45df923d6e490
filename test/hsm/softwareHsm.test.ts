import { randomBytes } from 'node:crypto'
import { hsmContract } from './contract/hsmContract.ts'
import { makingCost, PoolShare } from '../../lib/hsm/software/poolShare.ts'
import { openSoftwareHsm } from '../../lib/hsm/software/softwareHsm.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import {
  aes256,
  aMaterial,
  aTransfer,
  aVault,
  coded,
  ecdsaShapes,
  realm,
  rsa2048,
  tenancyId,
} from './contract/fixtures.ts'
import { aWrappingKey } from './contract/importer.ts'
import { vectorContract } from './contract/vectorContract.ts'
import { wrapOutside } from './tokens/outside.ts'

const region = 'eu-test-1'

hsmContract('the software backend', () => openSoftwareHsm({ realm, region }))

describe('the software backend', () => {
  vectorContract(() => openSoftwareHsm({ realm, region, generateRsa: knownRsaPair }))
})

test('what works on a key pair has its turn in the share of the pool, and costs what it takes', async () => {
  const costs: unknown[] = []
  class WatchedShare extends PoolShare {
    override run<T>(vaultId: string, work: () => Promise<T>, cost?: number): Promise<T> {
      costs.push([vaultId, cost])
      return super.run(vaultId, work, cost)
    }
  }
  const generationShare = new WatchedShare({ atOnce: 1, maxWaiting: 0 })
  const hsm = openSoftwareHsm({ realm, region, generateRsa: knownRsaPair, generationShare })
  hsm.createTenancyRoot(tenancyId)
  const [{ vaultId }, vault] = [aVault(), hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))]
  await vault.generate(aMaterial({ shape: aes256 }))
  expect(costs).toEqual([])
  for (const shape of [rsa2048, ecdsaShapes.NIST_P256]) await vault.generate(aMaterial({ shape }))
  const wrappingKey = await aWrappingKey(vault)
  const blob = await wrapOutside(wrappingKey.wrapped.publicKey ?? '', 'RSA_OAEP_SHA256', randomBytes(32))
  await vault.importWrapped(aMaterial(), wrappingKey, 'RSA_OAEP_SHA256', blob)
  await hsm.createTransportKey(aTransfer({ source: 'us-test-1', destination: region }))
  expect(costs).toEqual([makingCost(rsa2048), 1, undefined, 1, undefined].map((cost) => [vaultId, cost]))
})

test('no key pair is made for a vault that is destroyed', async () => {
  let made = 0
  const generateRsa = (bits: number) => {
    made += 1
    return knownRsaPair(bits)
  }
  const hsm = openSoftwareHsm({ realm, region, generateRsa })
  const wrapped = await hsm.createVaultKeys(aVault())
  const vault = hsm.openVault(aVault(), hsm.withoutKeks(aVault(), wrapped))
  const { keyId, materialId } = aMaterial()
  for (const make of [
    () => vault.generate(aMaterial({ shape: rsa2048 })),
    () => vault.generateWrappingKey({ keyId, materialId }),
  ])
    await expect(make()).rejects.toEqual(coded('integrityFailure'))
  expect(made).toBe(0)
})
