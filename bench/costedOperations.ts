import type { StoryCloud } from '../test/harness/signedCall.ts'
import { allowReplication, createReplica, encrypt, makeKey, makeVault } from '../test/harness/vaultStory.ts'

export interface CostedOperations {
  readonly warmUp: () => Promise<void>
  readonly runs: readonly (readonly [string, () => Promise<unknown>])[]
}

/** The rows of docs/cost.md. `expireCaches` makes what is cached too old, so that the policy just written is known. */
export async function costedOperations(
  cloud: StoryCloud,
  expireCaches: () => Promise<void>,
): Promise<CostedOperations> {
  const { a, call, tenancyId } = cloud
  const alone = await makeVault(cloud)
  const pair = await makeVault(cloud)
  await allowReplication(cloud)
  await expireCaches()
  await createReplica(cloud, pair)
  await cloud.settle()
  const [one, two] = await Promise.all([alone, pair].map(async (vault) => (await makeKey(cloud, vault)).body['id']))
  const onKey =
    (vaultId: string, keyId: unknown, method: string, rest = '', body?: object) =>
    () =>
      call(a, method, `/20180608/keys/${String(keyId)}${rest}`, body, { host: vaultId })
  const warmUp = async () => {
    await encrypt(cloud, a, alone, one)
    await encrypt(cloud, a, pair, two)
  }
  const runs: CostedOperations['runs'] = [
    ['Encrypt, Decrypt, Sign, Verify', () => encrypt(cloud, a, alone, one)],
    ['GetKey', onKey(alone, one, 'GET')],
    ['ListKeys', () => call(a, 'GET', `/20180608/keys?compartmentId=${tenancyId}`, undefined, { host: alone })],
    ['CreateKey', () => makeKey(cloud, alone)],
    ['CreateKey, replicated', () => makeKey(cloud, pair)],
    ['CreateKeyVersion', onKey(alone, one, 'POST', '/keyVersions', {})],
    ['CreateKeyVersion, replicated', onKey(pair, two, 'POST', '/keyVersions', {})],
    ['DisableKey', onKey(alone, one, 'POST', '/actions/disable')],
    ['DisableKey, replicated', onKey(pair, two, 'POST', '/actions/disable')],
    ['CreateVault', () => makeVault(cloud)],
    ['CreateVaultReplica of a vault with 2 keys', () => createReplica(cloud, alone)],
  ]
  return { warmUp, runs }
}
