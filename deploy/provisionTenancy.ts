import type { ProvisionAnswers, ProvisionStep } from '../lib/aws/provisionRegion.ts'
import { introduce, lackingIdentity, type TenancyHome, type TenancyRegion } from '../lib/runtime/tenancyInRegions.ts'
import { UserError } from '../lib/userError.ts'

/** Calls the provision function of one region. */
export type InvokeProvision = <S extends ProvisionStep['step']>(
  input: Extract<ProvisionStep, { step: S }>,
) => Promise<ProvisionAnswers[S]>

interface ProvisionedRegions {
  readonly regions: readonly string[]
  readonly homeRegion: string
  readonly at: (region: string) => InvokeProvision
}

export interface Administrator {
  readonly tenancyId: string
  readonly userId: string
  readonly fingerprint: string
  /** PEM of the tenancy's root, to check proofs of arrival with. */
  readonly trustRoot: string
}

/**
 * Makes the regions' HSMs speak for the tenancy of this name and gives it its administrator; resolves when callers can sign
 * in everywhere. Every step is harmless when repeated.
 */
export async function provisionTenancy(
  { regions, homeRegion, at }: ProvisionedRegions,
  { name, publicKeyPem }: { readonly name: string; readonly publicKeyPem: string },
): Promise<Administrator> {
  const home = at(homeRegion)
  const { tenancyId, userId, trustRoot } = await home({ step: 'createTenancy', name })
  const asked = regions.map((region) => tenancyRegion(region, at(region)))
  const root: TenancyHome = {
    ...tenancyRegion(homeRegion, home),
    tenancyRoot: () => Promise.resolve(trustRoot),
    stateRegion: async (_, region, publicKey) =>
      (await home({ step: 'issueStatement', tenancyId, region, publicKey })).statement,
  }
  for (const region of asked) {
    await introduce(root, region, tenancyId)
    console.error(`${region.name}: its simulated (software) HSM speaks for the tenancy.`)
  }
  const { fingerprint } = await home({ step: 'createAdministrator', tenancyId, userId, name, publicKeyPem })
  for (const peer of regions) if (peer !== homeRegion) await home({ step: 'sendIdentity', tenancyId, peer })
  const lacking = await lackingIdentity(root, asked, tenancyId, { looks: 120, pauseMs: 1000 })
  if (lacking.length === 0) {
    for (const region of regions) await wrapStoredKeys(at(region), region, tenancyId)
    return { tenancyId, userId, fingerprint, trustRoot }
  }
  throw new UserError(
    `The identity log has not reached ${lacking.join(', ')} within two minutes; see the logs of fanOut and apply ` +
      'there, then run the same command again.',
  )
}

function tenancyRegion(name: string, ask: InvokeProvision): TenancyRegion {
  return {
    name,
    identityPublicKey: async () => (await ask({ step: 'openHsm' })).publicKey,
    acceptStatement: async (trustRoot, statement) => {
      await ask({ step: 'acceptStatement', trustRoot, statement })
    },
    identityHead: async (tenancyId) => (await ask({ step: 'identityStatus', tenancyId })).seq,
  }
}

/** What was stored before a key of AWS KMS wrapped vaults' KEKs; page by page, because a function's time is short. */
async function wrapStoredKeys(there: InvokeProvision, region: string, tenancyId: string): Promise<void> {
  let wrapped = 0
  let from: ProvisionAnswers['wrapStoredKeys']['next']
  do {
    const done = await there({ step: 'wrapStoredKeys', tenancyId, ...(from === undefined ? {} : { from }) })
    wrapped += done.wrapped
    from = done.next
  } while (from !== undefined)
  if (wrapped > 0)
    console.error(`${region}: the keys of ${wrapped} vaults, stored by an older version, are under AWS KMS now.`)
}
