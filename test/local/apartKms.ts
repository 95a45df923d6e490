import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { whenThere } from '../harness/until.ts'
import { home, other, type Machines, type Name } from './machines.ts'
import { callerByProfile, type SignedCaller } from './signedCaller.ts'
import { createKey, createVault, decrypt, plaintext, type MadeVault } from './vaultSteps.ts'

/** The administrator's calls to regions on machines of their own. */
export interface Kms {
  readonly call: SignedCaller
  readonly tenancyId: string
  readonly endpoint: (name: Name) => string
}

export function kmsOf(machines: Pick<Machines, 'data' | 'port'>): Kms {
  const { tenancyId } = JSON.parse(readFileSync(join(machines.data(home), 'endpoints.json'), 'utf8')) as {
    tenancyId: string
  }
  return {
    call: callerByProfile(machines.data(home)),
    tenancyId,
    endpoint: (name) => `http://kms.${name}.localhost:${machines.port}`,
  }
}

/** Once the replica has the key. */
export async function opens({ call }: Kms, replica: string, keyId: string, ciphertext: string): Promise<void> {
  await whenThere(async () => ((await decrypt(call, replica, keyId, ciphertext)) === plaintext ? true : undefined))
}

export interface ReplicatedKey {
  readonly vault: MadeVault
  readonly keyId: string
  /** The replica's crypto endpoint. */
  readonly replica: string
}

export async function aReplicatedKey(kms: Kms, to: Name = other): Promise<ReplicatedKey> {
  const { call, tenancyId, endpoint } = kms
  await call('POST', `${endpoint(home)}/20160918/policies`, {
    compartmentId: tenancyId,
    name: `replication to ${to}`,
    description: 'd',
    statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
  })
  const vault = await createVault(call, endpoint(home), tenancyId)
  const keyId = await createKey(call, vault, tenancyId)
  const vaultUrl = `${endpoint(home)}/20180608/vaults/${vault.id}/actions`
  expect((await call('POST', `${vaultUrl}/createReplica`, { replicaRegion: to })).status).toBe(202)
  const replica = await whenThere(async () => {
    const [first] = (await call('GET', `${vaultUrl}/listReplicas`)).list
    return first?.['status'] === 'CREATED' ? String(first['cryptoEndpoint']) : undefined
  })
  return { vault, keyId, replica }
}
