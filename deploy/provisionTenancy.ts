import type { ProvisionAnswers, ProvisionStep } from '../lib/aws/provisionRegion.ts'
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
  for (const region of regions) {
    const there = at(region)
    const { publicKey } = await there({ step: 'openHsm' })
    const { statement } = await home({ step: 'issueStatement', tenancyId, region, publicKey })
    await there({ step: 'acceptStatement', trustRoot, statement })
    console.error(`${region}: its simulated (software) HSM speaks for the tenancy.`)
  }
  const { fingerprint } = await home({ step: 'createAdministrator', tenancyId, userId, name, publicKeyPem })
  for (const peer of regions) if (peer !== homeRegion) await home({ step: 'sendIdentity', tenancyId, peer })
  await identityEverywhere(regions, at, tenancyId)
  return { tenancyId, userId, fingerprint, trustRoot }
}

/** Callers can sign in everywhere once every region has the first entry of the identity log. */
async function identityEverywhere(
  regions: readonly string[],
  at: ProvisionedRegions['at'],
  tenancyId: string,
): Promise<void> {
  const waiting = new Set(regions)
  for (let seconds = 0; waiting.size > 0 && seconds < 120; seconds += 1) {
    for (const region of waiting) {
      if ((await at(region)({ step: 'identityStatus', tenancyId })).seq > 0) waiting.delete(region)
    }
    if (waiting.size > 0) await new Promise((resolve) => setTimeout(resolve, 1000))
  }
  if (waiting.size === 0) return
  throw new UserError(
    `The identity log has not reached ${[...waiting].join(', ')} within two minutes; see the logs of fanOut and apply ` +
      'there, then run the same command again.',
  )
}
