import { nameOrigin } from '../names/advertised.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { fingerprintOf } from '../processes/peerTls.ts'
import { apartRegion, apartTenancy, trustedRegions, type RegionExport } from './apartRegion.ts'
import type { AtHand } from './atHand.ts'
import { readPeerCertificate } from './peerCertificate.ts'
import { signStatement } from './signedStatement.ts'

const lastIssue = 'apartIssued'

/** By the clock, so that it goes on behind a copy that was put back; and never less than before, whatever the clock says. */
function nextIssue(directory: HostDirectory): number {
  const issued = Math.max(Date.now(), Number(directory.fact(lastIssue) ?? 0) + 1)
  directory.storeFact(lastIssue, String(issued))
  return issued
}

/** Writes what the others are to trust, signed. Resolves with the fingerprint of the certificate, to be compared by another way. */
export async function exportRegion({ directory, hsm }: AtHand, file: string): Promise<string> {
  const own = apartRegion(directory)
  const tenancy = apartTenancy(directory) ?? null
  const signed = Object.values(trustedRegions(directory)).flatMap(({ region, statement }) =>
    statement === undefined ? [] : [[region, statement] as const],
  )
  const mine = tenancy === null ? [] : [[own.region, await hsm.statement(tenancy.tenancyId)] as const]
  const pair = readPeerCertificate(directory, Date.now())
  const said: Omit<RegionExport, 'signature'> = {
    format: 'vaultspan/region/2',
    region: own.region,
    issued: nextIssue(directory),
    peerAddress: own.peerAddress,
    certificate: pair.cert,
    hsmPublicKey: await hsm.identityPublicKey(),
    origin: nameOrigin(own, own.port) ?? { scheme: 'http', domain: 'localhost', port: own.port },
    tenancy,
    statements: Object.fromEntries([...mine, ...signed]),
  }
  writeFileDurably(file, `${JSON.stringify(signStatement(said, pair), undefined, 2)}\n`, { mode: 0o644 })
  return `${file}: certificate ${fingerprintOf(said.certificate)}. Compare it where the file is trusted.`
}
