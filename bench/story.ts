import type { Service } from './service.ts'

export interface BenchKey {
  readonly vaultId: string
  readonly keyId: string
  readonly source: string
  readonly replica: string
}

function textOf(body: Record<string, unknown>, name: string): string {
  const value = body[name]
  if (typeof value !== 'string') throw new Error(`No ${name} in ${JSON.stringify(body)}.`)
  return value
}

/** A vault with a replica that is CREATED, and the crypto endpoints of both. */
export async function replicatedVault(service: Service): Promise<Omit<BenchKey, 'keyId'>> {
  const [home] = service.endpoints
  const [, other] = service.endpoints
  if (home === undefined || other === undefined) throw new Error('A replica needs two regions.')
  const compartmentId = service.tenancyId
  const vault = await service.call('POST', home.endpoint, '/20180608/vaults', {
    compartmentId,
    displayName: 'bench',
    vaultType: 'DEFAULT',
  })
  const vaultId = textOf(vault.body, 'id')
  await service.call('POST', home.endpoint, '/20160918/policies', {
    compartmentId,
    name: 'replication',
    description: 'lets the service replicate',
    statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
  })
  await service.call('POST', home.endpoint, `/20180608/vaults/${vaultId}/actions/createReplica`, {
    replicaRegion: other.region,
  })
  for (;;) {
    const there = await service.call('GET', other.endpoint, `/20180608/vaults/${vaultId}`)
    if (there.status === 200) {
      return { vaultId, source: textOf(vault.body, 'cryptoEndpoint'), replica: textOf(there.body, 'cryptoEndpoint') }
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

export async function createKey(service: Service, origin: string): Promise<string> {
  const body = { compartmentId: service.tenancyId, displayName: 'bench', keyShape: { algorithm: 'AES', length: 32 } }
  return textOf((await service.call('POST', origin, '/20180608/keys', body)).body, 'id')
}
