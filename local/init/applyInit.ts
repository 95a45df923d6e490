import { hash } from 'node:crypto'
import { canonicalJson, type Json } from '../../lib/canonicalJson.ts'
import { UserError } from '../../lib/userError.ts'
import { identityEverywhere, type Begun } from '../cloud/bringUp.ts'
import type { MadeByInit, MadeVault } from '../vaultspanTypes.ts'
import { InitCalls, type Body, type VaultPlace } from './initCalls.ts'
import type { Init } from './initFile.ts'
import { parseJson } from '../../lib/parseJson.ts'

/** What a start with `--init` has done. */
export interface Applied {
  readonly made: MadeByInit
  /** How many resources it made; 0: all were there. undefined: the very file was applied before, and nothing was looked at. */
  readonly count: number | undefined
}

/** Of the last file that was applied as a whole, and what came of it. */
const facts = { digest: 'init', made: 'initMade' } as const

/**
 * Makes what the file names and is not there yet, by name. The file that was applied last is not looked at again: what its
 * owner has changed or deleted since stays so. @throws UserError naming the place in the file.
 */
export async function applyInit(begun: Begun, init: Init): Promise<Applied> {
  const { directory } = begun
  const digest = hash('sha256', canonicalJson(parseJson(JSON.stringify(init)) as Json))
  const before = directory.fact(facts.made)
  if (directory.fact(facts.digest) === digest && before !== undefined) {
    return { made: parseJson(before) as MadeByInit, count: undefined }
  }
  const application = new Application(begun)
  const made = await application.run(init)
  directory.storeFact(facts.made, JSON.stringify(made))
  directory.storeFact(facts.digest, digest)
  return { made, count: application.count }
}

const madeBy = 'Made by --init'
const gone = new Set(['DELETED', 'DELETING', 'PENDING_DELETION', 'SCHEDULING_DELETION'])

class Application {
  readonly #begun: Begun
  readonly #calls: InitCalls
  readonly #tenancyId: string
  readonly #home: string
  readonly #compartments = new Map<string, string>()
  count = 0

  constructor(begun: Begun) {
    this.#begun = begun
    this.#calls = new InitCalls(begun)
    this.#tenancyId = begun.administrator.tenancyId
    this.#home = begun.home.name
  }

  async run({ compartments, groups, users, policies, vaults }: Init): Promise<MadeByInit> {
    for (const [index, each] of compartments.entries()) {
      const where = `$.compartments[${index}]`
      const parent = this.#compartment(each.parent, `${where}.parent`)
      const found = await this.#named('compartments', parent, each, where)
      this.#compartments.set(each.name, found)
    }
    const madeGroups: Record<string, string> = {}
    for (const [index, each] of groups.entries()) {
      madeGroups[each.name] = await this.#named('groups', this.#tenancyId, each, `$.groups[${index}]`)
    }
    const madeUsers: Record<string, string> = {}
    for (const [index, each] of users.entries()) madeUsers[each.name] = await this.#user(each, `$.users[${index}]`)
    const madePolicies: Record<string, string> = {}
    for (const [index, { compartment, ...each }] of policies.entries()) {
      const where = `$.policies[${index}]`
      const at = this.#compartment(compartment, `${where}.compartment`)
      madePolicies[each.name] = await this.#named('policies', at, each, where)
    }
    // A vault may lie in another region, which judges by what it knows.
    await identityEverywhere(this.#begun.hosts, this.#begun.home, this.#tenancyId, this.#begun.log)
    const madeVaults: Record<string, MadeVault> = {}
    for (const [index, each] of vaults.entries()) madeVaults[each.name] = await this.#vault(each, `$.vaults[${index}]`)
    return {
      compartments: Object.fromEntries(this.#compartments),
      groups: madeGroups,
      users: madeUsers,
      policies: madePolicies,
      vaults: madeVaults,
    }
  }

  #compartment(name: string | undefined, where: string): string {
    if (name === undefined) return this.#tenancyId
    const id = this.#compartments.get(name)
    if (id === undefined) throw new UserError(`${where}: there is no compartment "${name}" above it in $.compartments.`)
    return id
  }

  /** A resource of identity; resolves with its OCID. */
  async #named(
    kind: string,
    compartmentId: string,
    details: { readonly name: string },
    where: string,
  ): Promise<string> {
    const path = `/20160918/${kind}`
    const query = `?compartmentId=${compartmentId}&name=${encodeURIComponent(details.name)}`
    const found = (await this.#calls.list(this.#home, path + query, where)).find(isThere(details.name))
    if (found !== undefined) return String(found['id'])
    this.count += 1
    const made = await this.#calls.post(this.#home, path, { description: madeBy, ...details, compartmentId }, where)
    return String(made['id'])
  }

  async #user({ groups, publicKeys, ...details }: Init['users'][number], where: string): Promise<string> {
    const userId = await this.#named('users', this.#tenancyId, details, where)
    const memberships = `/20160918/userGroupMemberships?compartmentId=${this.#tenancyId}&userId=${userId}`
    const member = await this.#calls.list(this.#home, memberships, where)
    for (const [index, name] of groups.entries()) {
      const at = `${where}.groups[${index}]`
      const query = `/20160918/groups?compartmentId=${this.#tenancyId}&name=${encodeURIComponent(name)}`
      const groupId = (await this.#calls.list(this.#home, query, at)).find(isThere(name))?.['id']
      if (groupId === undefined) throw new UserError(`${at}: there is no group "${name}".`)
      if (member.some((each) => each['groupId'] === groupId)) continue
      this.count += 1
      await this.#calls.post(this.#home, '/20160918/userGroupMemberships', { userId, groupId }, at)
    }
    const path = `/20160918/users/${userId}/apiKeys`
    const known = (await this.#calls.list(this.#home, `${path}?`, where)).map((each) => String(each['keyValue']).trim())
    for (const [index, key] of publicKeys.entries()) {
      if (known.includes(key.trim())) continue
      this.count += 1
      await this.#calls.post(this.#home, path, { key }, `${where}.publicKeys[${index}]`)
    }
    return userId
  }

  async #vault(details: Init['vaults'][number], where: string): Promise<MadeVault> {
    const { name, compartment, region = this.#home, type, replicateTo, keys } = details
    const compartmentId = this.#compartment(compartment, `${where}.compartment`)
    const found = (await this.#calls.list(region, `/20180608/vaults?compartmentId=${compartmentId}`, where)).find(
      isThere(name),
    )
    if (found === undefined) this.count += 1
    const vault =
      found ??
      (await this.#calls.post(region, '/20180608/vaults', { compartmentId, displayName: name, vaultType: type }, where))
    const [id, managementEndpoint, cryptoEndpoint] = ['id', 'managementEndpoint', 'cryptoEndpoint'].map((each) =>
      String(vault[each]),
    ) as [string, string, string]
    const place = { id, region, managementEndpoint }
    const made: Record<string, string> = {}
    for (const [index, each] of keys.entries()) {
      made[each.name] = await this.#key(place, compartmentId, each, `${where}.keys[${index}]`)
    }
    const replica =
      replicateTo === undefined ? undefined : await this.#replica(place, replicateTo, `${where}.replicateTo`)
    return { id, region, managementEndpoint, cryptoEndpoint, ...(replica === undefined ? {} : { replica }), keys: made }
  }

  async #key(
    vault: VaultPlace,
    vaultCompartment: string,
    key: Init['vaults'][number]['keys'][number],
    where: string,
  ): Promise<string> {
    const { name, compartment, shape, protectionMode, versions } = key
    const compartmentId =
      compartment === undefined ? vaultCompartment : this.#compartment(compartment, `${where}.compartment`)
    const found = (await this.#calls.list(vault, `/20180608/keys?compartmentId=${compartmentId}`, where)).find(
      isThere(name),
    )
    if (found === undefined) this.count += 1
    const body = { compartmentId, displayName: name, keyShape: shape, protectionMode }
    const id = String((found ?? (await this.#calls.post(vault, '/20180608/keys', body, where)))['id'])
    const path = `/20180608/keys/${id}/keyVersions`
    // A new key has one; of one that was there some may have been made before the start failed.
    const has = versions === 1 ? 1 : (await this.#calls.list(vault, `${path}?`, where)).length
    for (let made = has; made < versions; made += 1) {
      this.count += 1
      await this.#calls.post(vault, path, {}, `${where}.versions`)
    }
    return id
  }

  /** Resolves once it is complete; where its region cannot be reached now, it is made later. */
  async #replica(vault: VaultPlace, region: string, where: string): Promise<NonNullable<MadeVault['replica']>> {
    const path = `/20180608/vaults/${vault.id}/actions`
    const look = async () =>
      (await this.#calls.list(vault.region, `${path}/listReplicas?`, where)).find((each) => each['region'] === region)
    if ((await look()) === undefined) {
      this.count += 1
      await this.#calls.post(vault.region, `${path}/createReplica`, { replicaRegion: region }, where)
    }
    let found: Body | undefined
    for (let looks = 0; looks < maxLooks && found?.['status'] !== 'CREATED'; looks += 1) {
      if (looks > 0) await new Promise((resolve) => setTimeout(resolve, lookMs))
      found = await look()
    }
    if (found?.['status'] !== 'CREATED')
      this.#begun.log.warn('A replica is not complete yet.', { vaultId: vault.id, region })
    const textAt = (member: string) => (typeof found?.[member] === 'string' ? found[member] : '')
    return { region, managementEndpoint: textAt('managementEndpoint'), cryptoEndpoint: textAt('cryptoEndpoint') }
  }
}

const [maxLooks, lookMs] = [1_000, 10]

function isThere(name: string): (found: Body) => boolean {
  return (found) => (found['displayName'] ?? found['name']) === name && !gone.has(String(found['lifecycleState']))
}
