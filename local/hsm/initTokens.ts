import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { poolLabels, requireOwnTokens } from '../../lib/hsm/pkcs11/ceremony/ownTokens.ts'
import { requireTenancyless } from '../../lib/hsm/pkcs11/roots/ownerMark.ts'
import { partitionToken } from '../../lib/hsm/pkcs11/roots/regionToken.ts'
import { tenancyRootLabel } from '../../lib/hsm/pkcs11/keys/tokenRoots.ts'
import {
  initPartition,
  initToken,
  isHalfMade,
  isToBeMadeAnew,
  lacksRoots,
  namesVault,
  requireInitiable,
  requireReplaceable,
} from '../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { partitionLabel } from '../../lib/hsm/pkcs11/vaults/partitions.ts'
import { requireOfficer, requirePins } from '../../lib/hsm/pkcs11/ceremony/requirePins.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { fingerprint } from '../../lib/hsm/recovery/transcript.ts'
import { UserError } from '../../lib/userError.ts'
import { holdDirectory } from '../directory/heldDirectory.ts'
import { requireRegionNames } from '../directory/chooseRegions.ts'
import { cutOffMigration, requireNotCutOff } from './cutOffMigration.ts'
import { requireNeverMade, wasMade } from './lostTokens.ts'
import { keptState, takenTokens } from './keptState.ts'
import { recoveryFile, recoveryOf } from './recoveryFile.ts'
import { forgetRefusedPins, tryingOnce } from './refusedPins.ts'
import { ownTokensFolder, softHsmCommand, useOwnTokens } from './softHsmConfig.ts'
import { tokenOwner } from './tokenOwner.ts'
import { tokenLabel } from './tokenSettings.ts'
import { requireLabelledOnce } from './twiceLabelled.ts'
import {
  giveUpCeremonies,
  requireNoneUnfinished,
  tidyCeremonies,
  unfinishedCeremonies,
} from './unfinishedCeremonies.ts'

import { requireNoneCutOff } from './unfinishedRestores.ts'
import { forgetToken, noteToken, unfinishedTokens } from './unfinishedTokens.ts'

export interface NewTokens {
  readonly data: string
  readonly module: string
  readonly label: string
  readonly regions: readonly string[]
  /** How many tokens for private vaults each region is to have. */
  readonly privateVaults: number
  readonly soPin: string
  readonly pin: string
  /** Where the service's is from: one that a token refused is not tried again; undefined: from a terminal. */
  readonly pinFile?: string | undefined
  /** Somebody has said that the cloud is to have none, whatever ceremony was begun. */
  readonly isWithoutCustodians?: boolean
  /** Told of each that is not made because a private vault has it. */
  readonly onLost?: (label: string) => void
}

const says = {
  made: 'made, with its roots',
  completed: 'was there; its roots are made',
  'made anew': 'was spent; it is initialized anew, with new roots',
  replaced:
    'was left by a ceremony that did not end, made for other custodians, or half made; it is initialized anew, with new roots',
  'there already': 'was there with its roots; nothing is changed',
} as const

/**
 * A token for each region, and its pool of those for private vaults, with the service stopped: it would not see new tokens, and
 * one that it has spent has sessions of its own. `recoveryKey` is of a ceremony that is being held; without it, that of the
 * cloud's custodians, where it has any. Resolves with a line for each. @throws UserError
 */
export function initTokens(tokens: NewTokens, recoveryKey?: string): readonly string[] {
  requireRegionNames(tokens.regions)
  const held = holdDirectory(tokens.data)
  try {
    return initHeld(tokens, recoveryKey)
  } finally {
    held.release()
  }
}

/** That a ceremony can make all of them: what is there already is bound to no custodians of its own. @throws UserError */
export function requireFreeLabels(tokens: NewTokens): void {
  tried(tokens, () => {
    requireFree(tokens)
  })
}

function requireFree(tokens: NewTokens): void {
  const { data, label, regions } = tokens
  const begun = unfinishedTokens(data)
  for (const region of regions) requireNoneCutOff(data, region)
  const module = moduleFor(tokens)
  const labels = module.labels()
  const unfinished = unfinishedCeremonies(data).map(({ publicKey }) => publicKey)
  for (const region of regions) {
    const name = tokenLabel({ label }, region)
    requireLabelledOnce(module, name)
    if (!labels.includes(name)) requireNeverMade(data, region, name)
    const own = labels.filter((each) => each === name || each.startsWith(partitionLabel(name, 0).slice(0, -1)))
    const taken = takenIn(data, region)
    for (const each of own) {
      const isTaken = each === name ? wasMade(data, region) : taken.includes(each)
      requireReplaceable({
        module,
        label: each,
        pin: tokens.pin,
        unfinished: each === name && isTaken ? [] : unfinished,
        isUnfinished: begun.includes(each),
        isTaken,
      })
    }
  }
}

function tried<R>(tokens: NewTokens, work: () => R): R {
  const { data, label, regions, pinFile } = tokens
  return tryingOnce({ data, label, regions, pinFile, library: () => moduleFor(tokens) }, work)
}

/** That no tenancy and no vault has anything in them, of this directory or another. @throws UserError */
export function requireUnusedTokens(tokens: NewTokens): void {
  const { data, label, regions, pin } = tokens
  const module = moduleFor(tokens)
  for (const region of regions) {
    const token = { module, label: tokenLabel({ label }, region), pin: () => pin, owner: tokenOwner(data) }
    if (module.slotOf(token.label) !== undefined) requireOwnTokens(token, true)
    partitionToken(token).bare((session) => {
      requireTenancyless(session, token.label, tenancyRootLabel(''))
    })
  }
}

function moduleFor({ module, data }: NewTokens): Pkcs11Module {
  useOwnTokens(module, data, { isNew: true })
  return Pkcs11Module.load(module, process.env['PKCS11_INIT_ARGUMENTS'])
}

function notMade({ onLost }: NewTokens, label: string): string {
  onLost?.(label)
  return `  ${label}  IS NOT MADE: a private vault has it, and it is not there, or not whole; hsm restore brings it back`
}

function byNumber(one: string, other: string): number {
  return one.length - other.length || (one < other ? -1 : 1)
}

/** Labels of the tokens that private vaults have by what the region's state says. */
function takenIn(data: string, region: string): readonly string[] {
  const file = join(data, 'hsm', `${region}.json`)
  const kept = existsSync(file) ? keptState(readFileSync(file, 'utf8')) : undefined
  return (kept === undefined ? [] : takenTokens(kept)).map(({ label }) => label)
}

/** As `initTokens`, in a directory that is held. @throws UserError */
export function initHeld(tokens: NewTokens, newKey: string | undefined): readonly string[] {
  return tried(tokens, () => initAll(tokens, newKey))
}

function initAll(tokens: NewTokens, newKey: string | undefined): readonly string[] {
  const { data, label, regions, privateVaults, soPin, pin } = tokens
  const recovery = newKey === undefined ? recoveryOf(data) : undefined
  const isWithout = tokens.isWithoutCustodians ?? false
  if (isWithout && recovery !== undefined)
    throw new UserError(`This cloud has its custodians (${recoveryFile(data)}): its tokens are made for them.`)
  if (newKey === undefined && !isWithout) requireNoneUnfinished(data)
  const stranger = regions.find((region) => recovery !== undefined && !Object.hasOwn(recovery.identities, region))
  if (stranger !== undefined)
    throw new UserError(
      `The ceremony of this cloud's custodians did not know the region ${stranger}: make it in a directory of its own, with custodians of its own.`,
    )
  for (const region of regions) requireNoneCutOff(data, region)
  const module = moduleFor(tokens)
  // Migrate asks for more tokens for private vaults where vaults came meanwhile: those are made.
  const isMigrating = (region: string) =>
    module.slotOf(tokenLabel({ label }, region)) !== undefined && cutOffMigration(data, region) !== undefined
  if (privateVaults === 0) for (const region of regions.filter(isMigrating)) requireNotCutOff(data, region)
  const unfinished = unfinishedCeremonies(data)
    .map(({ publicKey }) => publicKey)
    .filter((each) => each !== newKey)
  const recoveryKey = newKey ?? recovery?.publicKey
  for (const region of regions) {
    const name = tokenLabel({ label }, region)
    requireLabelledOnce(module, name)
    if (module.slotOf(name) === undefined) requireNeverMade(data, region, name)
    else if (isHalfMade(module, name)) requireNeverMade(data, region, name, `The token ${name} is half made.`)
    else if (wasMade(data, region) && lacksRoots({ module, label: name, pin }, 'region'))
      requireNeverMade(data, region, name, `The token ${name} lacks its roots.`)
  }
  const owner = tokenOwner(data)
  for (const region of regions) {
    const name = tokenLabel({ label }, region)
    for (const each of [name, ...poolLabels({ module, label: name })])
      requireInitiable({ module, label: each, pin, owner })
  }
  const begun = unfinishedTokens(data)
  const [first] = regions
  if (first !== undefined) requirePins({ module, label: tokenLabel({ label }, first), soPin, pin })
  for (const region of regions) {
    const name = tokenLabel({ label }, region)
    const isWhole = (each: string) => module.slotOf(each) !== undefined && !isHalfMade(module, each)
    const pool = Array.from({ length: privateVaults }, (_, index) => partitionLabel(name, index + 1))
    if (isWhole(name) && !pool.every(isWhole)) requireOfficer({ module, label: name, soPin })
  }
  tidyCeremonies(data)
  const givenUp = isWithout ? giveUpCeremonies(data) : []
  const outcomes = new Set<keyof typeof says>()
  const said = (done: keyof typeof says) => {
    outcomes.add(done)
    return says[done]
  }
  const lines = regions.flatMap((region) => {
    const name = tokenLabel({ label }, region)
    const shared = { module, soPin, pin, unfinished, owner, folder: ownTokensFolder(data) }
    const common = { ...shared, ...(recoveryKey === undefined ? {} : { recoveryKey }) }
    const taken = takenIn(data, region)
    const of = (each: string, isTaken: boolean) => ({
      ...common,
      label: each,
      isTaken,
      isUnfinished: begun.includes(each),
      begin: () => {
        noteToken(data, each)
      },
      deleteCommand: softHsmCommand('--delete-token', '--token', each),
    })
    const ended = (each: string, done: keyof typeof says) => {
      forgetToken(data, each)
      return said(done)
    }
    // A new one of the name would stand in the way of what was in it.
    const isAway = (each: string) => module.slotOf(each) === undefined || isHalfMade(module, each)
    const named = poolLabels({ module, label: name }).filter((each) => namesVault({ module, label: each, pin }))
    const lost = [...taken, ...named].filter(
      (each) => isAway(each) || lacksRoots({ module, label: each, pin }, 'vault'),
    )
    const wanted = Array.from({ length: privateVaults }, (_, index) => partitionLabel(name, index + 1))
    // However many are wanted: none stays that was made for others.
    const others = poolLabels({ module, label: name }).filter(
      (each) => !wanted.includes(each) && !taken.includes(each) && isToBeMadeAnew(of(each, false)),
    )
    const pool = [...wanted, ...others.toSorted(byNumber)]
    const isStarted = wasMade(data, region)
    const own = () => initToken({ ...of(name, isStarted), unfinished: isStarted ? [] : unfinished })
    return [
      `  ${name}  ${isMigrating(region) ? (cutOffMigration(data, region) ?? '') : ended(name, own())}`,
      ...pool.map((each) =>
        lost.includes(each)
          ? notMade(tokens, each)
          : `  ${each}  ${ended(each, initPartition(of(each, taken.includes(each))))}`,
      ),
    ]
  })
  for (const region of regions) forgetRefusedPins(data, region)
  if (recovery === undefined) return [...lines, ...givenUp]
  return [
    ...lines,
    `  recovery key ${fingerprint(recovery.publicKey)}: compare it with the ceremony's transcript`,
    ...([...outcomes].some((done) => done !== 'there already')
      ? [`  the custodians’ backups do not have what was made now: take new ones (hsm backup)`]
      : []),
  ]
}
