import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { signAttestation, type Attestation } from '../../lib/hsm/formats/attestation.ts'
import { KnownRoots } from '../../lib/hsm/pkcs11/roots/knownRoots.ts'
import { openPkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { realm } from '../../lib/ocid.ts'
import { UserError } from '../../lib/userError.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { requireStoredRegion } from '../directory/storedRegions.ts'
import { remedyFor } from './lostTokens.ts'
import { pinFrom } from './pin.ts'
import { useOwnTokens } from './softHsmConfig.ts'
import { tokenLabel, type TokenSettings } from './tokenSettings.ts'

/** Asks a region's tokens, and has the region's identity sign what they say. The service may run meanwhile. @throws UserError */
export async function attestRegion(
  data: string,
  region: string,
  tokens: TokenSettings,
  challenge: string | null,
): Promise<Attestation> {
  requireStoredRegion(data, region)
  useOwnTokens(tokens.module, data)
  const module = Pkcs11Module.load(tokens.module, tokens.initArguments)
  const label = tokenLabel(tokens, region)
  const known = KnownRoots.in(join(data, 'hsm', `${region}.json`))
  // Without its file: it is looked at, nothing is kept.
  const hsm = openPkcs11Hsm({
    region,
    realm,
    token: { module, label, known, pin: () => pinFrom(tokens.pinFile), remedy: () => remedyFor(data, region) },
  })
  try {
    return await signAttestation(hsm, {
      region,
      realm,
      at: new Date().toISOString(),
      challenge,
      library: module.libraryInfo(),
      tokens: [...hsm.describeTokens()],
      statements: statementsIn(join(data, 'hsm', `${region}.json`), region),
      publicKey: hsm.identityPublicKey,
    })
  } finally {
    hsm.close()
  }
}

/** They are no secret, and prove themselves. */
function statementsIn(file: string, region: string): Attestation['statements'] {
  if (!existsSync(file)) throw new UserError(`${file} is not there: no region ${region} was started in this directory.`)
  const { tenancies } = parseJson(readFileSync(file, 'utf8')) as {
    readonly tenancies: Readonly<Record<string, { readonly statement: Attestation['statements'][number] }>>
  }
  return Object.values(tenancies).map(({ statement }) => statement)
}
