import type { Answered, TestCloud, TestRegion } from './twoRegions.ts'

/** The steps of tests about compartments, over the wire; identity is written in the first region, its home. */

const target = '/20160918/compartments'

export async function makeCompartment(cloud: TestCloud, name: string, parent = cloud.tenancyId): Promise<string> {
  const details = { compartmentId: parent, name, description: 'd' }
  return String((await cloud.call(cloud.a, 'POST', target, details)).body['id'])
}

export function deleteCompartment({ call, a }: TestCloud, id: string): Promise<Answered> {
  return call(a, 'DELETE', `${target}/${id}`)
}

export async function compartmentState({ call }: TestCloud, region: TestRegion, id: string): Promise<unknown> {
  return (await call(region, 'GET', `${target}/${id}`)).body['lifecycleState']
}

export function makeVaultIn({ call }: TestCloud, region: TestRegion, compartmentId: string): Promise<Answered> {
  return call(region, 'POST', '/20180608/vaults', { compartmentId, displayName: 'v', vaultType: 'VIRTUAL_PRIVATE' })
}

export async function vaultIn(cloud: TestCloud, region: TestRegion, compartmentId: string): Promise<string> {
  return String((await makeVaultIn(cloud, region, compartmentId)).body['id'])
}

export function makeKeyIn(
  { call }: TestCloud,
  region: TestRegion,
  vaultId: string,
  compartmentId: string,
): Promise<Answered> {
  const details = { compartmentId, displayName: 'k', keyShape: { algorithm: 'AES', length: 32 } }
  return call(region, 'POST', '/20180608/keys', details, { host: vaultId })
}

export function makePolicyIn(
  { call, a }: TestCloud,
  compartmentId: string,
  statement = `Allow group Administrators to read keys in compartment id ${compartmentId}`,
): Promise<Answered> {
  const details = { compartmentId, name: 'p', description: 'd', statements: [statement] }
  return call(a, 'POST', '/20160918/policies', details)
}
