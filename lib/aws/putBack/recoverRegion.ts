import { headSeq } from '../../kms/identity/verifyIdentity.ts'
import { takeBackHost, type TakeBackHost } from '../../replication/takeBack/takeBackHost.ts'
import { auditRecovery, type PutBack, type PutBackRegion } from '../../replication/takeBack/recover.ts'
import { standingVaultPage, type StandingVaults } from '../../replication/takeBack/standing.ts'
import type { Runtime } from '../../runtime/composeRegion.ts'
import { checkMarks, endPutBack, type FoundPutBack } from './tableMarks.ts'

/**
 * What `npm run put-back` asks of a region's function `recover`: the steps of lib/replication/takeBack, each an invocation.
 * A list of vaults comes in parts, because an answer of Lambda has at most 6 MB.
 */
export interface RecoverSteps extends TakeBackHost {
  /** Compares the tables with what the peers know, as `reconcile` does; null: they are not behind. */
  lookForPutBack(): Promise<FoundPutBack | null>
  tenancyIds(): Promise<readonly string[]>
  statement: PutBackRegion['statement']
  identityHead: PutBackRegion['identityHead']
  /** `after`: where the last part ended; null for the first one. */
  vaultsAfter(tenancyId: string, after: string | null): Promise<StandingVaults>
  /** `putBack`: what was done, for the audit; a deployment before it did not say. */
  endPutBack(knows: number, putBack?: PutBack): Promise<void>
}

export type RecoverStep = keyof RecoverSteps

export interface RecoverCall<S extends RecoverStep = RecoverStep> {
  readonly step: S
  readonly args: Parameters<RecoverSteps[S]>
}

export interface RecoverPorts {
  readonly runtime: Runtime
  readonly tenancyIds: readonly string[]
  readonly known: () => Promise<number>
}

export function recoverSteps({ runtime, tenancyIds, known }: RecoverPorts): RecoverSteps {
  const { tables, clock, hsm } = runtime
  const host = takeBackHost(runtime)
  return {
    ...host,
    lookForPutBack: async () => {
      const found = await checkMarks({ tables, clock, known })
      return 'putBack' in found ? found.putBack : null
    },
    tenancyIds: () => Promise.resolve(tenancyIds),
    statement: (tenancyId) => Promise.resolve(hsm.statement(tenancyId)),
    identityHead: (tenancyId) => headSeq(runtime, tenancyId),
    vaultsAfter: (tenancyId, after) => standingVaultPage(runtime, tenancyId, after ?? undefined),
    endPutBack: async (knows, putBack) => {
      if (putBack !== undefined) await auditRecovery(runtime, tenancyIds, putBack)
      await endPutBack({ tables, clock }, knows)
    },
  }
}

/** Answers one step. @throws where there is no such one. */
export async function recoverRegion(ports: RecoverPorts, { step, args }: RecoverCall): Promise<unknown> {
  const steps: RecoverSteps = recoverSteps(ports)
  if (!Object.hasOwn(steps, step)) throw new Error(`There is no step "${step}".`)
  // INVARIANT: the arguments are those of the step; deploy/putBack is the only caller.
  const answer = await (steps as unknown as Steps)[step](...args)
  return answer ?? null
}

type Steps = Readonly<Record<RecoverStep, (...args: readonly unknown[]) => Promise<unknown>>>
