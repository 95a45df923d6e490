import type { RegionStatement } from '../hsm/hsm.ts'

/** A region as whoever makes a tenancy of several asks it: in this process, in another, or by its provision function on AWS. */
export interface TenancyRegion {
  readonly name: string
  /** PEM SubjectPublicKeyInfo of the HSM's identity key. */
  identityPublicKey(): Promise<string>
  acceptStatement(root: string, statement: RegionStatement): Promise<void>
  /** How far it has the tenancy's identity log. */
  identityHead(tenancyId: string): Promise<number>
}

/** The home region, whose HSM holds the tenancy's root. */
export interface TenancyHome extends TenancyRegion {
  /** As PEM; made where there is none. */
  tenancyRoot(tenancyId: string): Promise<string>
  /** What the tenancy's root says of a region: that this key is its own. */
  stateRegion(tenancyId: string, region: string, publicKey: string): Promise<RegionStatement>
}

/** The tenancy's root signs a region's identity; the region pins that root. Harmless when repeated. */
export async function introduce(home: TenancyHome, region: TenancyRegion, tenancyId: string): Promise<void> {
  const [root, publicKey] = await Promise.all([home.tenancyRoot(tenancyId), region.identityPublicKey()])
  await region.acceptStatement(root, await home.stateRegion(tenancyId, region.name, publicKey))
}

/**
 * Callers can sign in in every region that has the home region's identity log. Waits for that, and resolves with the regions
 * that do not have it yet.
 */
export async function lackingIdentity(
  home: Pick<TenancyHome, 'identityHead'>,
  regions: readonly Pick<TenancyRegion, 'name' | 'identityHead'>[],
  tenancyId: string,
  { looks, pauseMs }: { readonly looks: number; readonly pauseMs: number },
): Promise<readonly string[]> {
  const wanted = await home.identityHead(tenancyId)
  let lacking = regions
  for (let look = 0; ; look += 1) {
    const heads = await Promise.all(lacking.map((region) => region.identityHead(tenancyId)))
    lacking = lacking.filter((_, index) => (heads[index] ?? 0) < wanted)
    if (lacking.length === 0 || look >= looks) return lacking.map(({ name }) => name)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}
