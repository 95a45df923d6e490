import { LambdaClient } from '@aws-sdk/client-lambda'
import type { RecoverCall, RecoverStep, RecoverSteps } from '../../lib/aws/putBack/recoverRegion.ts'
import { recover, type PutBackRegion } from '../../lib/replication/takeBack/recover.ts'
import type { StandingVault } from '../../lib/replication/takeBack/standing.ts'
import { invokeStep } from '../invokeStep.ts'

interface Cloud {
  readonly prefix: string
  readonly regions: readonly string[]
  readonly homeRegion: string
  /** The one whose tables were put back. */
  readonly region: string
}

type Ask = <S extends RecoverStep>(step: S, ...args: Parameters<RecoverSteps[S]>) => Promise<Answer<S>>
type Answer<S extends RecoverStep> = Awaited<ReturnType<RecoverSteps[S]>>

/** Has a region take back from the others what they have of it, as `npm start -- --recover` does on a host. Resolves with the report. */
export async function recoverTables({ prefix, regions, homeRegion, region }: Cloud): Promise<string> {
  const ask = asker(region, prefix)
  const found = await ask('lookForPutBack')
  if (found === null) return `The tables of ${region} are not behind what is known of them. Nothing is to be done.`
  const peers = regions.filter((each) => each !== region).map((peer) => asked(peer, asker(peer, prefix)))
  const tenancyIds = await ask('tenancyIds')
  const { takenBack, lost } = await recover({ homeRegion, tenancyIds }, asked(region, ask), peers, found, {
    error: () => undefined,
  })
  return [
    `${region} was put back (${found.tables.join(', ')}: at ${found.has}, known ${found.knows}; the count goes up once a minute).`,
    `It has taken back from its peers: ${takenBack.keys} keys, ${takenBack.vaults} vaults, and the identity log.`,
    ...(lost.length === 0
      ? []
      : [`Lost, because made after that time; their replicas decrypt on: ${lost.join(', ')}.`]),
    'What no other region had is as it was then; the audit, which was not put back, says what was changed since.',
  ].join('\n')
}

function asked(name: string, ask: Ask): PutBackRegion {
  return {
    name,
    peerMark: (peer) => ask('peerMark', peer),
    knownMark: (peer) => ask('knownMark', peer),
    identityEntries: (tenancyId, after) => ask('identityEntries', tenancyId, after),
    identityHead: (tenancyId) => ask('identityHead', tenancyId),
    statement: (tenancyId) => ask('statement', tenancyId),
    standingVaults: async (tenancyId) => {
      const vaults: StandingVault[] = []
      let part = await ask('vaultsAfter', tenancyId, null)
      for (;;) {
        vaults.push(...part.vaults)
        if (part.next === undefined) return vaults
        part = await ask('vaultsAfter', tenancyId, part.next)
      }
    },
    standingKeys: (vaultId, from) => ask('standingKeys', vaultId, from),
    fenceOf: (vaultId) => ask('fenceOf', vaultId),
    takeBackIdentity: async (...args) => {
      await ask('takeBackIdentity', ...args)
    },
    takeBackVault: (vault) => ask('takeBackVault', vault),
    takeBackKeys: (vaultId, keys) => ask('takeBackKeys', vaultId, keys),
    dropReplica: async (vaultId, fence) => {
      await ask('dropReplica', vaultId, fence)
    },
    replicateAnew: async (vaultId) => {
      await ask('replicateAnew', vaultId)
    },
    endPutBack: async (putBack) => {
      await ask('endPutBack', putBack.knownChanges, putBack)
    },
  }
}

/** Calls the function `recover` of a region with the operator's own credentials. */
function asker(region: string, prefix: string): Ask {
  const client = new LambdaClient({ region })
  const own = { client, region, name: `${prefix}-recover` }
  return async <S extends RecoverStep>(step: S, ...args: Parameters<RecoverSteps[S]>): Promise<Answer<S>> => {
    const call: RecoverCall<S> = { step, args }
    // INVARIANT: an answer is what lib/aws/putBack/recoverRegion.ts answers to this step.
    return (await invokeStep(own, call)) as Answer<S>
  }
}
