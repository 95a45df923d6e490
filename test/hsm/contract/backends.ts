import type { ProvisionedHsm } from '../../../lib/hsm/provisionedHsm.ts'
import { openSoftwareHsm } from '../../../lib/hsm/software/softwareHsm.ts'
import { knownRsaPair } from '../../harness/knownRsaPair.ts'
import { realm, tenancyId } from './fixtures.ts'
import { kryopticHsm, kryopticPath, newKryopticToken } from '../tokens/kryoptic.ts'
import { nssHsm, nssPath } from '../tokens/nss.ts'
import { newToken, softHsmPath, tokenHsm } from '../tokens/softHsm.ts'

/** What one test makes of them, at most. */
const privateVaults = 1

/** Every backend, for suites that run on each. */
const backends = {
  software: (region: string): ProvisionedHsm => openSoftwareHsm({ realm, region, generateRsa: knownRsaPair }),
  token: (region: string): ProvisionedHsm =>
    tokenHsm({ region, generateRsa: knownRsaPair, allowsSoftwareReplicas: true }, newToken(privateVaults)),
  nss: (region: string): ProvisionedHsm => nssHsm({ region, generateRsa: knownRsaPair, allowsSoftwareReplicas: true }),
  kryoptic: (region: string): ProvisionedHsm =>
    kryopticHsm({ region, generateRsa: knownRsaPair, allowsSoftwareReplicas: true }, newKryopticToken(privateVaults)),
} as const

export type Backend = keyof typeof backends

/** Which backends this machine has. */
const backendNames: readonly Backend[] = [
  'software',
  ...(softHsmPath === undefined ? [] : (['token'] as const)),
  ...(nssPath === undefined ? [] : (['nss'] as const)),
  ...(kryopticPath === undefined ? [] : (['kryoptic'] as const)),
]

type Pairing = readonly [Backend, Backend]

/** Source and destination in every pairing that this machine has. */
export const allPairings: readonly Pairing[] = backendNames.flatMap((source) =>
  backendNames.map((destination) => [source, destination] as const),
)

/** For what is the same whichever library there is. */
export const pairings: readonly Pairing[] = allPairings.filter(
  (pairing) => !pairing.includes('nss') && !pairing.includes('kryoptic'),
)

/** Private vaults need data objects in a token of their own. */
export function keepsPrivateVaults(...backends: readonly Backend[]): boolean {
  return !backends.includes('nss')
}

export function openBackend(backend: Backend, region: string): ProvisionedHsm {
  return backends[backend](region)
}

/** Two regions of one tenancy whose home is the first. */
export async function twoRegions(
  source: Backend = 'software',
  destination: Backend = source,
): Promise<{ home: ProvisionedHsm; away: ProvisionedHsm; trustRoot: string }> {
  const [home, away] = [openBackend(source, 'eu-test-1'), openBackend(destination, 'us-test-1')]
  const trustRoot = home.createTenancyRoot(tenancyId)
  await away.acceptStatement(trustRoot, home.issueStatement(tenancyId, 'us-test-1', away.identityPublicKey))
  return { home, away, trustRoot }
}
