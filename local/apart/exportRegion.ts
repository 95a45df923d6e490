import { nameOrigin } from '../names/advertised.ts'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { fingerprintOf } from '../processes/peerTls.ts'
import { apartRegion, apartTenancy, trustedRegions, type RegionExport } from './apartRegion.ts'
import { openHsm, withRegion } from './initRegion.ts'
import { readPeerCertificate } from './peerCertificate.ts'

/** Writes what the others are to trust. Resolves with the fingerprint of the certificate, to be compared by another way. */
export function exportRegion(path: string, file: string): Promise<string> {
  return withRegion(path, async (directory) => {
    const own = apartRegion(directory)
    const hsm = openHsm(directory, own.region)
    const tenancy = apartTenancy(directory) ?? null
    const signed = Object.values(trustedRegions(directory)).flatMap(({ region, statement }) =>
      statement === undefined ? [] : [[region, statement] as const],
    )
    const mine = tenancy === null ? [] : [[own.region, hsm.statement(tenancy.tenancyId)] as const]
    const said: RegionExport = {
      format: 'vaultspan/region/1',
      region: own.region,
      peerAddress: own.peerAddress,
      certificate: readPeerCertificate(directory, Date.now()).cert,
      hsmPublicKey: hsm.identityPublicKey,
      origin: nameOrigin(own, own.port) ?? { scheme: 'http', domain: 'localhost', port: own.port },
      tenancy,
      statements: Object.fromEntries([...mine, ...signed]),
    }
    writeFileDurably(file, `${JSON.stringify(said, undefined, 2)}\n`, { mode: 0o644 })
    return fingerprintOf(said.certificate)
  })
}
