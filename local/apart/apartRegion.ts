import type { RegionStatement } from '../../lib/hsm/hsm.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import type { Advertised, NameOrigin } from '../names/advertised.ts'
import { UserError } from '../../lib/userError.ts'
import { parseJson } from '../../lib/parseJson.ts'

/** One region of a tenancy, on a machine of its own: what `region init` was told. */
export interface ApartRegion {
  readonly format: 'vaultspan/apart/1'
  readonly region: string
  readonly isHome: boolean
  /** Where other regions reach it, and where it listens for them. */
  readonly peerAddress: string
  /** Where clients reach it. */
  readonly host: string
  readonly port: number
  readonly advertised: Advertised
  readonly tls: boolean
  readonly tlsCert: string | null
  readonly tlsKey: string | null
}

/** What a tenancy's root says; the home region's HSM holds the root itself. */
export interface TenancyOf {
  readonly tenancyId: string
  readonly homeRegion: string
  /** PEM. */
  readonly trustRoot: string
}

/** What a region says of itself, as a file that is carried to the others. */
export interface RegionExport {
  readonly format: 'vaultspan/region/2'
  readonly region: string
  /** Grows with each: Unix milliseconds of its making, or one more than the last. Absent in those of earlier versions. */
  readonly issued?: number
  readonly peerAddress: string
  /** PEM, under which it speaks to other regions. */
  readonly certificate: string
  /** PEM, of its HSM's identity. */
  readonly hsmPublicKey: string
  readonly origin: NameOrigin
  /** null: it does not belong to one yet. */
  readonly tenancy: TenancyOf | null
  /** Of the home region: for whom it has signed. Of another: its own. */
  readonly statements: Readonly<Record<string, RegionStatement>>
  /** Base64, of all the rest by the certificate's key (signedStatement.ts). */
  readonly signature: string
}

/** Another region as it is trusted here. */
export type TrustedRegion = Pick<
  RegionExport,
  'region' | 'issued' | 'peerAddress' | 'certificate' | 'hsmPublicKey' | 'origin'
> & {
  /** By this region's own root, where this is the home region. */
  readonly statement?: RegionStatement
}

/** @throws UserError where the directory holds no region of this kind. */
export function apartRegion(directory: HostDirectory): ApartRegion {
  const known = directory.fact('apart')
  if (known !== undefined) return parseJson(known) as ApartRegion
  throw new UserError(`There is no region in ${directory.path ?? ''}; make one with vaultspan region init.`)
}

export function trustedRegions(directory: HostDirectory): Readonly<Record<string, TrustedRegion>> {
  return parseJson(directory.fact('apartPeers') ?? '{}') as Record<string, TrustedRegion>
}

export function storeTrusted(directory: HostDirectory, trusted: Readonly<Record<string, TrustedRegion>>): void {
  directory.storeFact('apartPeers', JSON.stringify(trusted))
}

export function apartTenancy(directory: HostDirectory): TenancyOf | undefined {
  const known = directory.fact('apartTenancy')
  return known === undefined ? undefined : (parseJson(known) as TenancyOf)
}

export function storeApart(directory: HostDirectory, region: ApartRegion): void {
  directory.storeFact('apart', JSON.stringify(region))
}

/** A host and a port. @throws UserError */
export function readPeerAddress(text: string): { readonly host: string; readonly port: number } {
  const url = URL.parse(`tcp://${text}`)
  const port = Number(url?.port ?? '')
  if (
    url === null ||
    url.hostname === '' ||
    !Number.isInteger(port) ||
    port < 1 ||
    `${url.pathname}${url.username}` !== ''
  )
    throw new UserError(`An address of a region is a host and a port, like 10.0.0.2:7650; not ${text}.`)
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port }
}
