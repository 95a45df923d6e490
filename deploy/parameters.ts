import { readFileSync } from 'node:fs'
import { isRegionName } from '../lib/regionName.ts'
import { UserError } from '../lib/userError.ts'

/** What a deployment is made with; every region of one stage is given the same but for `region`. */
export interface Parameters {
  readonly stage: string
  readonly regions: readonly string[]
  /** Where identity is written; fixed once a tenancy is provisioned. */
  readonly homeRegion: string
  /** Vaults answer at `{vaultPrefix}-{management|crypto}.kms.{region}.{domain}`. */
  readonly domain: string
  /** The Route 53 zone of the domain. Without it certificates, domain names and DNS records are the deployer's. */
  readonly hostedZoneId?: string
}

export type GivenParameters = Readonly<Partial<Record<'stage' | 'regions' | 'home' | 'domain' | 'hosted-zone', string>>>

const settings = JSON.parse(readFileSync(new URL('stages.json', import.meta.url), 'utf8')) as Readonly<
  Record<string, { readonly isDeletionProtected: boolean; readonly cryptoReservedConcurrency: number }>
>
const stages = Object.keys(settings)

export function protectsTables({ stage }: Pick<Parameters, 'stage'>): boolean {
  return settings[stage]?.isDeletionProtected ?? false
}

/** 0: none. */
export function reservedForCrypto({ stage }: Pick<Parameters, 'stage'>): number {
  return settings[stage]?.cryptoReservedConcurrency ?? 0
}

/** What a template is made with where nobody says; never a deployment. */
export const exampleParameters = { stage: 'dev', regions: 'us-east-1,us-west-2', domain: 'example.com' } as const

const domainName = /^(?=.{3,180}$)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/

/** @throws UserError before anything is deployed. */
export function requireParameters(given: GivenParameters): Parameters {
  const stage = required(given, 'stage', 'prod')
  if (!stages.includes(stage)) {
    throw new UserError(`Stage "${stage}" is not known; use one of ${stages.join(', ')} (deploy/stages.json).`)
  }
  const regions = requireRegions(required(given, 'regions', 'us-east-1,us-west-2'))
  const homeRegion = given.home ?? regions[0] ?? ''
  if (!regions.includes(homeRegion)) {
    throw new UserError(`The home region "${homeRegion}" must be among --regions ${regions.join(',')}.`)
  }
  const domain = required(given, 'domain', 'example.com')
  if (!domainName.test(domain)) throw new UserError(`"${domain}" is no domain name in lower case.`)
  const hostedZoneId = given['hosted-zone']
  if (hostedZoneId !== undefined && !/^Z[A-Z0-9]+$/.test(hostedZoneId)) {
    throw new UserError(`"${hostedZoneId}" is no hosted zone id; it looks like Z0123456789ABC.`)
  }
  return { stage, regions, homeRegion, domain, ...(hostedZoneId === undefined ? {} : { hostedZoneId }) }
}

/** The regions that a region replicates to. @throws UserError where it is none of the deployment's. */
export function peersOf(region: string, { regions }: Pick<Parameters, 'regions'>): readonly string[] {
  if (!regions.includes(region)) {
    throw new UserError(`Region ${region} is not among the deployment's regions ${regions.join(', ')}.`)
  }
  return regions.filter((each) => each !== region)
}

export function requireRegions(list: string): readonly string[] {
  const regions = list.split(',').map((name) => name.trim())
  const wrong = regions.find((name) => !isRegionName(name))
  if (wrong !== undefined) throw new UserError(`"${wrong}" is no region name; one looks like us-east-1.`)
  const twice = regions.find((name, index) => regions.indexOf(name) !== index)
  if (twice !== undefined) throw new UserError(`--regions names ${twice} twice: a region is no peer of itself.`)
  return regions
}

function required(given: GivenParameters, name: keyof GivenParameters, example: string): string {
  const value = given[name]
  if (value !== undefined && value !== '') return value
  throw new UserError(`--${name} is missing; give one, for example --${name} ${example}.`)
}
