import { domain, home, other, requireDone } from './deployment.ts'
import type { ReplicatedVault } from './replicationStory.ts'
import { taken, text, until, type Stage } from './stage.ts'

/** Deploying over what stands, what is refused then, another tenancy, and removing everything. */
export function redeploymentStory(stage: Stage, replicated: () => ReplicatedVault): void {
  test('a second deployment over the first loses nothing, and provisioning again changes nothing', async () => {
    const { vault, replica, secrets } = replicated()
    requireDone(await stage.deployment.deploy())
    expect((await stage.deployment.provision('acme')).tenancyId).toBe(stage.tenancyId)
    for (const each of secrets) {
      for (const at of [vault, replica]) expect(await stage.decrypt(at, each)).toBe(text)
    }
    const key = await stage.makeKey(vault, 'after the second deployment')
    const secret = await stage.encrypt(vault, key.id)
    await until(() => stage.hasKey(replica, key.id))
    expect(await stage.decrypt(replica, secret)).toBe(text)
  })

  test('a tenancy that comes later is known to functions that run already, and sees nothing of the first', async () => {
    const globex = await stage.deployment.provision('globex')
    expect(globex.tenancyId).not.toBe(stage.tenancyId)
    const compartmentId = globex.tenancyId
    // Until an instance that runs already has heard of the tenancy, it knows nobody of that name.
    for (const region of [home, other]) {
      await until(() => taken(stage.vaults(region, globex).listVaults({ compartmentId }), 401))
      expect((await stage.vaults(region, globex).listVaults({ compartmentId })).items).toEqual([])
    }
    const { id: vaultId } = replicated().vault
    await expect(stage.vaults(undefined, globex).getVault({ vaultId })).rejects.toMatchObject({ statusCode: 404 })
  })

  test.each([
    ['another home region', ['--domain', domain, '--home', other], /home region us-east-1/],
    ['another domain', ['--domain', 'example.com'], /deployed with the domain vaultspan\.test/],
    ['an unknown stage', ['--domain', domain, '--stage', 'nowhere'], /"nowhere" is not known/],
  ])('%s is refused before anything is deployed', async (_what, options, reason) => {
    const { code, output } = await stage.deployment.run('deploy', ...options)
    expect(code).toBe(1)
    expect(output).toMatch(reason)
    expect(output.trim().split('\n')).toHaveLength(1)
  })

  test('removing keeps tables and backups, and a deployment beside them is refused; deleting the data clears the way', async () => {
    const { aws } = stage.deployment
    const backups = await aws.backups()
    expect(backups).not.toEqual([])
    const bucket = (await aws.backupBucket()) ?? ''
    requireDone(await stage.deployment.run('remove'))
    expect(await aws.backups()).toEqual(backups)
    const refusal = { code: 1, output: expect.stringContaining('holds the data of an earlier deployment') as string }
    expect(await stage.deployment.deploy()).toEqual(refusal)
    requireDone(await stage.deployment.run('remove', '--delete-data', 'vaultspan-local'))
    expect(await aws.backupBucket()).toBeUndefined()
    // Backups alone are in the way too, before anything is deployed.
    await aws.withBackupBucket(bucket, async () => {
      expect(await stage.deployment.deploy()).toEqual(refusal)
    })
    requireDone(await stage.deployment.deploy())
    expect(await aws.backups()).toEqual([])
  })
}
