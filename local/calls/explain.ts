import { join } from 'node:path'
import { UserError } from '../../lib/userError.ts'
import { callService, type Answer } from './callService.ts'
import { callerProfile } from './callerProfile.ts'
import { servicePlace, type PlaceFlags } from './servicePlace.ts'

export interface ExplainFlags extends PlaceFlags {
  readonly configFile?: string
  readonly profile: string
  readonly user: string
  readonly operation: string
  readonly key?: string
  readonly vault?: string
  readonly compartment?: string
}

interface Statement {
  readonly policyName: string
  readonly number: number
  readonly statement: string
}

interface Explained {
  readonly userName: string
  readonly groups: readonly string[]
  readonly operation: string
  readonly region: string
  readonly isAllowed: boolean
  readonly note: string | null
  readonly permissions: readonly {
    readonly permission: string
    readonly service: string | null
    readonly compartmentName: string | null
    readonly isGranted: boolean
    readonly grantedBy: readonly Statement[]
    readonly deniedBy: readonly Statement[]
    readonly nearly: readonly (Statement & { readonly because: string })[]
    readonly missing: string | null
  }[]
}

/** Asks as the profile's user, who must be an administrator or the like. @throws UserError */
export async function explained(flags: ExplainFlags): Promise<Answer> {
  const { endpoint } = await servicePlace(flags)
  const file = flags.configFile ?? process.env['OCI_CONFIG_FILE'] ?? join(flags.data, 'oci', 'config')
  const profile = callerProfile(file, flags.profile)
  const get = (path: string, query: Readonly<Record<string, string | undefined>>) => {
    const given = Object.entries(query).filter((each): each is [string, string] => each[1] !== undefined)
    return callService(profile, 'GET', `${endpoint}/20160918/${path}?${new URLSearchParams(given).toString()}`)
  }
  const userId = flags.user.startsWith('ocid1.')
    ? flags.user
    : await idOf(flags.user, get('users', { compartmentId: profile.tenancyId, name: flags.user }))
  const { operation, key: keyId, vault: vaultId, compartment: compartmentId } = flags
  return get('policyExplanations', { userId, operation, keyId, vaultId, compartmentId })
}

async function idOf(name: string, listing: Promise<Answer>): Promise<string> {
  const [user] = (await listing) as unknown as readonly { readonly id: string }[]
  if (user === undefined) throw new UserError(`There is no user ${name}; give the name as it was made, or the OCID.`)
  return user.id
}

export function explanationText(answer: Answer): string {
  // INVARIANT: ExplainPolicy answers this (handlers/identity/explainPolicy.ts).
  const { userName, groups, operation, region, isAllowed, note, permissions } = answer as unknown as Explained
  const inGroups = groups.length === 0 ? 'in no group' : `in ${groups.join(', ')}`
  const said = (word: string, { policyName, number, statement }: Statement) =>
    `    ${word} policy ${policyName}, statement ${number}: ${statement}`
  const lines = permissions.flatMap((each) => [
    `  ${each.permission}${each.service === null ? '' : ` for the service ${each.service}`} in ${each.compartmentName ?? 'a compartment'}: ${each.isGranted ? 'granted' : 'not granted'}`,
    ...each.grantedBy.map((statement) => said('by', statement)),
    ...each.deniedBy.map((statement) => said('denied by', statement)),
    ...(each.isGranted ? [] : each.nearly.map((statement) => `${said('not by', statement)} (${statement.because})`)),
    ...(each.missing === null ? [] : [`    this would do: ${each.missing}`]),
  ])
  const verdict = `${userName} (${inGroups}) may${isAllowed ? '' : ' not'} ${operation} in ${region}`
  return [verdict, ...(note === null ? [] : [`  ${note}`]), ...lines].join('\n')
}
