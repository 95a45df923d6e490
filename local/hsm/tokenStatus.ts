import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isEmpty } from '../../lib/hsm/pkcs11/ceremony/requireTokensFor.ts'
import { partitionLabel } from '../../lib/hsm/pkcs11/vaults/partitions.ts'
import { KnownRoots } from '../../lib/hsm/pkcs11/roots/knownRoots.ts'
import { openPkcs11Hsm, type Pkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { realm } from '../../lib/ocid.ts'
import { messageOf, UserError } from '../../lib/userError.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { poolLabels, requireOwnTokens } from '../../lib/hsm/pkcs11/ceremony/ownTokens.ts'
import { isPoolTokenProven } from '../../lib/hsm/pkcs11/keys/provenToken.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { markIn } from '../../lib/hsm/pkcs11/roots/vaultMarker.ts'
import { weaknessesOf } from '../../lib/hsm/pkcs11/library/vendors.ts'
import type { RecoveryKey } from '../../lib/hsm/recovery/recoveryKey.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { custodyTroubles, isGivenToNoVault, type CustodyTrouble } from './custody.ts'
import { cutOffMigration } from './cutOffMigration.ts'
import { remedyFor } from './lostTokens.ts'
import { pinFrom } from './pin.ts'
import { recoveryOf } from './recoveryFile.ts'
import { refusedPins, refusedPinsSuffix } from './refusedPins.ts'
import { useOwnTokens } from './softHsmConfig.ts'
import { tokenOwner } from './tokenOwner.ts'
import { tokenLabel, type TokenSettings } from './tokenSettings.ts'
import { twiceLabelled } from './twiceLabelled.ts'
import { requireFinished } from './unfinishedCeremonies.ts'
import { cutOffRestore } from './unfinishedRestores.ts'
import { cutOffToken, requireMade } from './unfinishedTokens.ts'

export interface TokenStatus {
  /** For each region's token. */
  readonly lines: readonly string[]
  /** Whether all are fit for use. */
  readonly isFit: boolean
  /** Those of them that say what is not fit for use. */
  readonly unfit: readonly string[]
  readonly custody: readonly CustodyOfRegion[]
}

export interface CustodyOfRegion {
  readonly region: string
  readonly trouble: CustodyTrouble
}

/** The PIN is tried once. */
export async function tokenStatus(
  tokens: TokenSettings,
  regions: readonly string[],
  data: string,
): Promise<TokenStatus> {
  useOwnTokens(tokens.module, data)
  const module = Pkcs11Module.load(tokens.module, tokens.initArguments)
  const pin = pinFrom(tokens.pinFile)
  const lines: string[] = weaknessesOf(module.vendor).map((says) => `  WEAK: ${says}`)
  const custody: CustodyOfRegion[] = []
  const unfit: string[] = []
  const sayUnfit = (line: string) => {
    lines.push(line)
    unfit.push(line.trim())
  }
  let recovery: RecoveryKey | undefined
  try {
    recovery = recoveryOf(data)
  } catch (cause) {
    sayUnfit(`  ${messageOf(cause)}`)
  }
  let refusing: string | undefined
  for (const region of regions) {
    // One wrong PIN is one of three in every token that has it.
    if (refusing !== undefined) {
      sayUnfit(`  ${region}  was not asked: the token of ${refusing} refuses the PIN`)
      continue
    }
    const cutOff = cutOffMigration(data, region)
    if (cutOff !== undefined) {
      sayUnfit(`  ${region}  ${cutOff}`)
      continue
    }
    const label = tokenLabel(tokens, region)
    const refusals = join(data, 'hsm', `${region}${refusedPinsSuffix}`)
    for (const line of twiceLabelled(module, label)) sayUnfit(`  ${region}  ${line}`)
    const known = existsSync(join(data, 'hsm')) ? { refusedPins: refusedPins(tokens.pinFile, refusals) } : {}
    let opened: Pkcs11Hsm | undefined
    try {
      const restore = cutOffRestore(data, region)
      if (restore !== undefined) throw new UserError(restore)
      requireMade(data, label)
      // Without its file: it is looked at, nothing is kept.
      const hsm = openPkcs11Hsm({
        region,
        realm,
        token: {
          module,
          label,
          pin: () => pin,
          remedy: () => remedyFor(data, region),
          known: KnownRoots.in(join(data, 'hsm', `${region}.json`)),
          ...known,
        },
      })
      opened = hsm
      if (isKnown(recovery, region, hsm.identityPublicKey) === false) {
        sayUnfit(
          `  ${region}  is not the region that the ceremony of the custodians made: no backup of it can be restored`,
        )
      }
      try {
        requireFinished(data, region, { module, label, pin: () => pin })
        requireOwnTokens({ module, label, pin: () => pin, owner: tokenOwner(data) }, false)
      } catch (cause) {
        sayUnfit(`  ${region}  ${messageOf(cause)}`)
      }
      const { name } = await hsm.selfTest()
      lines.push(`  ${region}  ${name}: self test passed; OAEP in the token: ${hsm.wraps.join(', ') || 'none'}`)
      const namesVault = (each: string) =>
        hasPin(module, each) &&
        partitionToken({ module, label: each, pin: () => pin }).bare((session) => markIn(session) !== undefined)
      // Of a damaged recovery.json it was said above, once.
      const troubles = custodyTroubles(data, region, { module, label, pin: () => pin })
      custody.push(
        ...troubles.flatMap((each) => (each.kind === 'recoveryIsDamaged' ? [] : [{ region, trouble: each }])),
      )
      const unproven = poolLabels({ module, label }).flatMap((each) => {
        if (phasesIn(join(data, 'hsm', `${region}.json`))[each] !== undefined || namesVault(each)) return []
        const isProven = isPoolTokenProven({ module, label: each, pin: () => pin })
        const says = isProven === true ? cutOffToken(data, each) : isBroken(each)
        return says === undefined ? [] : [{ each, says }]
      })
      for (const { says } of unproven) sayUnfit(`  ${region}  ${says}`)
      const { free, taken, spent, away } = poolOf(
        module.labels(),
        label,
        join(data, 'hsm', `${region}.json`),
        namesVault,
        (each) => isEmpty({ module, label: each, pin: () => pin }),
        [
          ...unproven.map(({ each }) => each),
          ...troubles.flatMap(({ kind, token = '' }) => (isGivenToNoVault(kind) ? [token] : [])),
        ],
      )
      lines.push(
        `  ${region}  tokens for private vaults: ${free} free, ${taken} taken, ${spent} spent${spent > 0 ? ' (hsm init makes spent ones anew)' : ''}${free === 0 && taken + spent > 0 ? '; another private vault is refused until there are more (hsm init --private)' : ''}`,
      )
      if (away.length > 0) {
        sayUnfit(
          `  ${region}  AWAY, with a private vault each: ${away.join(', ')} (hsm restore, from a backup that has them)`,
        )
      }
      if (hsm.rotation.isRotating()) lines.push(`  ${region}  a rotation of its root is under way`)
    } catch (cause) {
      sayUnfit(`  ${region}  ${messageOf(cause)}`)
      if (messageOf(cause).includes('refuses the PIN')) refusing = region
    } finally {
      opened?.close()
    }
  }
  lines.push(`  state of the regions: ${join(data, 'hsm')}`)
  return { lines, isFit: unfit.length === 0, unfit, custody }
}

function hasPin(module: Pkcs11Module, label: string): boolean {
  const slot = module.slotOf(label)
  return slot !== undefined && (!module.vendor.hasOfficer || module.tokenInfo(slot).hasUserPin)
}

function isBroken(label: string): string {
  return `The token ${label} is half made, or fails: it is given to no vault. hsm init makes it anew where it was cut off there, and says what helps where not.`
}

/** Undefined: there are no custodians. */
function isKnown(recovery: RecoveryKey | undefined, region: string, identity: string): boolean | undefined {
  return recovery === undefined ? undefined : recovery.identities[region] === identity
}

interface Pool {
  readonly free: number
  readonly taken: number
  readonly spent: number
  /** Labels of those that a vault has and the library does not see. */
  readonly away: readonly string[]
}

/** As the region's state has it, for a person, whatever its MAC; what a token says itself counts where that says nothing. */
function poolOf(
  labels: readonly string[],
  region: string,
  file: string,
  namesVault: (label: string) => boolean,
  isMadeAnew: (label: string) => boolean,
  unbound: readonly string[],
): Pool {
  const phases = phasesIn(file)
  const start = partitionLabel(region, 0).slice(0, -1)
  const seen = labels.filter((label) => label.startsWith(start) && /^[1-9]\d*$/.test(label.slice(start.length)))
  const taken = Object.keys(phases).filter((label) => phases[label]?.phase === 'taken')
  const known = seen.filter((label) => Object.hasOwn(phases, label))
  const others = seen.filter((label) => !Object.hasOwn(phases, label) && !unbound.includes(label))
  const named = others.filter(namesVault)
  const ended = known.filter((label) => phases[label]?.phase !== 'taken')
  // Of one that hsm init has made anew the state knows from the next start on.
  const anew = ended.filter((label) => phases[label]?.phase === 'spent' && isMadeAnew(label))
  return {
    free: others.length - named.length + anew.length,
    taken: taken.length + named.length,
    spent: ended.length - anew.length,
    away: taken.filter((label) => !seen.includes(label)),
  }
}

function phasesIn(file: string): Readonly<Record<string, { readonly phase: string }>> {
  if (!existsSync(file)) return {}
  const { partitions = {} } = parseJson(readFileSync(file, 'utf8')) as {
    readonly partitions?: Readonly<Record<string, { readonly phase: string }>>
  }
  return partitions
}
