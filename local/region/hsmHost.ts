import type { RegionStatement } from '../../lib/hsm/hsm.ts'
import type { ProvisionedHsm } from '../../lib/hsm/provisionedHsm.ts'

/** What is asked of a region's HSM to make a tenancy of several regions. As in RegionHost. */
export interface HsmHost {
  /** PEM SubjectPublicKeyInfo of the HSM's identity key. */
  identityPublicKey(): Promise<string>
  /** The tenancy's root as PEM; made by the home region where there is none. */
  tenancyRoot(tenancyId: string): Promise<string>
  /** What the tenancy's root says of a region: that this key is its own. Home region only. */
  stateRegion(tenancyId: string, region: string, publicKey: string): Promise<RegionStatement>
  /** What the tenancy's root says of this region. */
  statement(tenancyId: string): Promise<RegionStatement>
  acceptStatement(root: string, statement: RegionStatement): Promise<void>
}

export function hsmHost(hsm: ProvisionedHsm): HsmHost {
  return {
    identityPublicKey: async () => hsm.identityPublicKey,
    tenancyRoot: async (tenancyId) => hsm.createTenancyRoot(tenancyId),
    stateRegion: async (tenancyId, region, publicKey) => hsm.issueStatement(tenancyId, region, publicKey),
    statement: async (tenancyId) => hsm.statement(tenancyId),
    acceptStatement: async (root, statement) => hsm.acceptStatement(root, statement),
  }
}
