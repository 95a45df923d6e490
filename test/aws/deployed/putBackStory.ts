import { home, requireDone } from './deployment.ts'
import type { ReplicatedVault } from './replicationStory.ts'
import { text, until, taken, type Secret, type Stage } from './stage.ts'
import { models } from 'oci-keymanagement'

const suffix = '-put-back'

/** The runbook of docs/deploy.md: a region's tables are restored to an older point in time, noticed, and recovered. */
export function putBackStory(stage: Stage, replicated: () => ReplicatedVault): void {
  const step = (name: string) =>
    stage.deployment.run('putBack', '--do', name, '--region', home, '--suffix', suffix).then(requireDone)
  const made: { at: number; secret: Secret; rotated: Secret; alone: models.Vault; lost: models.Vault }[] = []
  let older: Secret

  test('tables that are restored beside the deployment’s own change nothing', async () => {
    const { aws } = stage.deployment
    const { vault } = replicated()
    older = await stage.encrypt(vault, (await stage.makeKey(vault, 'before the point in time')).id)
    await until(() => stage.isReplicated(vault, older.keyId))
    await until(async () => (await aws.mark(home)) > 0)
    await aws.restoreTables(home, suffix)
    expect(await stage.decrypt(vault, older)).toBe(text)
  })

  test('what is changed after that point in time serves in both regions', async () => {
    const { vault, replica } = replicated()
    const [at, mark] = [Date.now(), await stage.deployment.aws.mark(home)]
    const secret = await stage.encrypt(vault, (await stage.makeKey(vault, 'after the point in time')).id)
    await stage.keys(vault).createKeyVersion({ keyId: older.keyId })
    const rotated = await stage.encrypt(vault, older.keyId)
    const alone = await stage.makeVault('alone', models.CreateVaultDetails.VaultType.Default)
    const lost = await stage.makeVault('lost', models.CreateVaultDetails.VaultType.Default)
    await stage.replicate(lost)
    for (const each of [secret, rotated]) await until(() => stage.opens(replica, each))
    made.push({ at, secret, rotated, alone, lost })
    // As the minute's run does, which tells the peer of the new mark.
    await stage.deployment.aws.invoke(home, 'reconcile')
    await until(async () => (await stage.deployment.aws.mark(home)) > mark)
    await stage.deployment.aws.peerKnows(home, mark)
  })

  test('a region that is stopped answers nobody, and its tables are put back', async () => {
    const { vault, replica } = replicated()
    await step('stop')
    // By the API itself: AWS says 503, MiniStack 429.
    expect(await taken(stage.keys(vault).getKey({ keyId: older.keyId }), 429, 503)).toBe(false)
    expect((await step('copy')).output).toMatch(
      /vaultspan-local-Keys is vaultspan-local-Keys-put-back now: \d+ rows put/,
    )
    // Again: it goes on where it broke off, so nothing is left to do.
    expect((await step('copy')).output).toMatch(/vaultspan-local-Keys-put-back now: 0 rows put, 0 deleted/)
    expect(await stage.decrypt(replica, older)).toBe(text)
  })

  test('started without being recovered, it is noticed, and refuses', async () => {
    const { vault } = replicated()
    await step('start')
    await stage.deployment.aws.invoke(home, 'reconcile').catch(() => undefined)
    await until(() => stage.deployment.aws.isPutBack(home))
    await expect(stage.decrypt(vault, older)).rejects.toMatchObject({
      statusCode: 503,
      serviceCode: 'ServiceUnavailable',
      message: expect.stringContaining('its tables are an older copy') as string,
    })
    await expect(stage.makeKey(vault, 'never')).rejects.toMatchObject({ statusCode: 503 })
    await step('stop')
  })

  test('recovered, it has taken back what its peer has, and says what is lost', async () => {
    const [since] = made
    const { output } = await step('recover')
    expect(output).toMatch(/us-east-1 was put back \(.*Keys.*\)/)
    expect(output).toMatch(/taken back from its peers: [2-9] keys/)
    expect(output).toContain(`replicas decrypt on: ${since?.lost.id}`)
    expect(output).not.toContain(since?.alone.id)
    expect((await step('recover')).output).toContain('Nothing is to be done.')
    await step('start')
    expect(await stage.deployment.aws.isPutBack(home)).toBe(false)
  })

  test('keys and versions that were made since serve in both regions, and the next change arrives', async () => {
    const [since] = made
    if (since === undefined) throw new Error('Nothing was made.')
    const { vault, replica } = replicated()
    for (const at of [vault, replica]) {
      for (const each of [older, since.secret, since.rotated]) {
        await until(() => stage.opens(at, each))
        expect(await stage.decrypt(at, each)).toBe(text)
      }
    }
    await until(() => stage.isReplicated(vault, since.secret.keyId))
    const next = await stage.encrypt(vault, (await stage.makeKey(vault, 'after recovery')).id)
    await until(() => stage.isReplicated(vault, next.keyId))
    expect(await stage.decrypt(replica, next)).toBe(text)
  })

  test('of what is lost the region says that it is not there, and the audit says that it was made', async () => {
    const [since] = made
    for (const { id: vaultId = '' } of [since?.lost ?? {}, since?.alone ?? {}])
      expect(await taken(stage.vaults().getVault({ vaultId }), 404)).toBe(false)
    const [startTime, endTime] = [new Date(since?.at ?? 0), new Date(Date.now() + 60_000)]
    const told: unknown[] = []
    let page: string | undefined
    do {
      const request = { compartmentId: stage.tenancyId, startTime, endTime, ...(page === undefined ? {} : { page }) }
      const answer = await stage.audit().listEvents(request)
      told.push(...answer.items.map(({ data }) => data.resourceId))
      // Absent on the last page, whatever its type says.
      page = (answer as { opcNextPage?: string }).opcNextPage
    } while (page !== undefined && page !== '')
    expect(told).toContain(since?.alone.id)
    expect(told).toContain(since?.lost.id)
    await stage.deployment.aws.deleteTables(home, suffix)
  })
}
