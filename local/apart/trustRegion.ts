import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import { isStatementOf } from '../../lib/hsm/formats/statement.ts'
import type { RegionStatement } from '../../lib/hsm/hsm.ts'
import { parseUniqueJson } from '../../lib/parseUniqueJson.ts'
import { isRegionName } from '../../lib/regionName.ts'
import { UserError, messageOf } from '../../lib/userError.ts'
import { fileReason } from '../fileReason.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import { fingerprintOf } from '../processes/peerTls.ts'
import {
  apartRegion,
  apartTenancy,
  readPeerAddress,
  storeTrusted,
  trustedRegions,
  type ApartRegion,
  type RegionExport,
  type TrustedRegion,
} from './apartRegion.ts'
import type { AtHand } from './atHand.ts'
import { isSignedStatement } from './signedStatement.ts'

/** Trusts what another region says of itself, in place of what it said before. Resolves with a line that names its certificate. */
export async function trustRegion({ directory, hsm, audit }: AtHand, file: string): Promise<string> {
  const said = readExport(file)
  const own = apartRegion(directory)
  if (said.region === own.region) throw new UserError(`${file} is the statement of this region itself.`)
  const known = trustedRegions(directory)
  const before = known[said.region]
  if (before !== undefined && before.hsmPublicKey !== said.hsmPublicKey) {
    throw new UserError(
      `${file} is of another HSM than the ${said.region} that is trusted here; it is another region of that name.`,
    )
  }
  requireNoOlder(before, said, file)
  const statement = own.isHome ? await signedHere(directory, hsm, said, file) : undefined
  if (!own.isHome) await join(directory, hsm, own, said, file)
  const { region, issued, peerAddress, certificate, hsmPublicKey, origin } = said
  const what = { region, peerAddress, certificate, hsmPublicKey, origin }
  const trusted: TrustedRegion = issued === undefined ? what : { ...what, issued }
  const tenancyId = apartTenancy(directory)?.tenancyId
  if (tenancyId !== undefined)
    await audit(tenancyId, 'TrustRegion', {
      resourceId: tenancyId,
      resourceName: region,
      ...(before === undefined ? {} : { previous: toldOfTrust(before) }),
      current: toldOfTrust(trusted),
    })
  storeTrusted(directory, {
    ...known,
    [region]: statement === undefined ? trusted : { ...trusted, statement },
  })
  return `${region} is trusted: certificate ${fingerprintOf(certificate)}.`
}

/** As the audit says it. */
export function toldOfTrust({ peerAddress, certificate }: TrustedRegion): JsonObject {
  return { certificate: fingerprintOf(certificate), peerAddress }
}

/** A genuine one that was true once could be put in the place of a newer one on its way, and lead to a former address or certificate. */
function requireNoOlder(before: TrustedRegion | undefined, said: RegionExport, file: string): void {
  if (before?.issued === undefined || (said.issued !== undefined && said.issued >= before.issued)) return
  const since = new Date(before.issued).toISOString()
  throw new UserError(
    `${file} is refused: it is older than what is trusted of ${said.region}, which was exported at ${since}. Export it again.`,
  )
}

/** The home region's root says that this HSM speaks for that region. */
async function signedHere(
  directory: HostDirectory,
  hsm: AtHand['hsm'],
  said: RegionExport,
  file: string,
): Promise<RegionStatement> {
  const tenancy = apartTenancy(directory)
  if (tenancy === undefined)
    throw new UserError(`${directory.path ?? ''} has lost its tenancy; put it back from a copy.`)
  if (said.tenancy !== null && said.tenancy.trustRoot !== tenancy.trustRoot) throw ofAnother(said, file)
  return hsm.stateRegion(tenancy.tenancyId, said.region, said.hsmPublicKey).catch(toldOf(file))
}

/** The home region's statement brings the tenancy; every other must be of the same. */
async function join(
  directory: HostDirectory,
  hsm: AtHand['hsm'],
  own: ApartRegion,
  said: RegionExport,
  file: string,
): Promise<void> {
  const mine = apartTenancy(directory)
  const { tenancy } = said
  if (tenancy === null)
    throw new UserError(`${said.region} belongs to no tenancy yet: have the home region trust it first.`)
  if (mine !== undefined && mine.trustRoot !== tenancy.trustRoot) throw ofAnother(said, file)
  if (mine === undefined && tenancy.homeRegion !== said.region) {
    throw new UserError(`Trust the statement of the home region ${tenancy.homeRegion} first.`)
  }
  const theirs = said.statements[said.region]
  const root = createPublicKey(tenancy.trustRoot)
  if (theirs === undefined || theirs.publicKey !== said.hsmPublicKey || !(await isStatementOf(root, theirs))) {
    throw new UserError(`${file} is damaged: the tenancy's root has not signed what it says of ${said.region}.`)
  }
  if (mine !== undefined) return
  const statement = said.statements[own.region]
  if (statement === undefined) {
    throw new UserError(
      `${said.region} has not signed for ${own.region} yet: there, trust this region's export; then export again.`,
    )
  }
  await hsm.acceptStatement(tenancy.trustRoot, statement).catch(toldOf(file))
  directory.storeFact('apartTenancy', JSON.stringify(tenancy))
  directory.storeFact('tenancyId', tenancy.tenancyId)
  directory.storeFact('homeRegion', tenancy.homeRegion)
}

function ofAnother({ region }: RegionExport, file: string): UserError {
  return new UserError(`${file} is refused: ${region} belongs to another tenancy, under another root.`)
}

function toldOf(file: string): (cause: unknown) => never {
  return (cause) => {
    throw new UserError(`${file}: ${messageOf(cause)}`, { cause })
  }
}

/** Its fingerprint vouched for the certificate alone. */
const unsignedFormat: string = 'vaultspan/region/1'

function readExport(file: string): RegionExport {
  try {
    const said = parseUniqueJson(readFileSync(file, 'utf8')) as Partial<RegionExport> | null
    if (said?.format === unsignedFormat)
      throw new Error('it is of an earlier version, which did not sign it; export it again with this one')
    if (said?.format !== 'vaultspan/region/2') throw new Error('it is no statement of vaultspan region export')
    const { region, peerAddress, certificate, hsmPublicKey, origin, statements, signature } = said
    const texts = [region, peerAddress, certificate, hsmPublicKey, origin?.domain, origin?.scheme, signature]
    if (!texts.every((each) => typeof each === 'string') || statements === undefined) throw new Error('it is not whole')
    if (said.issued !== undefined && !Number.isSafeInteger(said.issued)) throw new Error('it is not whole')
    if (!isRegionName(region ?? '')) throw new Error('it names no region')
    readPeerAddress(peerAddress ?? '')
    fingerprintOf(certificate ?? '')
    if (!isSignedStatement(said as RegionExport))
      throw new Error('it was altered on its way: the key of its certificate has not signed what it says')
    return said as RegionExport
  } catch (cause) {
    throw new UserError(`${file} cannot be trusted: ${fileReason(cause)}`, { cause })
  }
}
