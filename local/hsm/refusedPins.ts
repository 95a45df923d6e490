import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as v from 'valibot'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { pinRefused } from '../../lib/hsm/pkcs11/token/lostToken.ts'
import { poolLabels } from '../../lib/hsm/pkcs11/ceremony/ownTokens.ts'
import { isPoolLabel } from '../../lib/hsm/pkcs11/vaults/partitions.ts'
import type { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { UserPinTried } from '../../lib/hsm/pkcs11/ceremony/requirePins.ts'
import type { RefusedPins } from '../../lib/hsm/pkcs11/roots/tokenOptions.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { makeFolder } from '../makeFolder.ts'
import { tokenLabel } from './tokenSettings.ts'

/** A first start that fails takes back what it made, but for this. */
export const refusedPinsSuffix = '.pin-refused'

const schema = v.object({ pinFile: v.string(), tokens: v.array(v.string()) })

/**
 * Which tokens have refused the PIN of this file, kept in a file beside the region's state: a process that is started again and
 * again must not lock them. Nothing of the PIN stands in it: once the PIN's file is written anew, it says nothing any more.
 */
export function refusedPins(pinFile: string, file: string): RefusedPins {
  const known = (): readonly string[] => {
    if (!existsSync(file)) return []
    const parsed = v.safeParse(schema, contentOf(file))
    return parsed.success && parsed.output.pinFile === markOf(pinFile) ? parsed.output.tokens : []
  }
  return {
    isKnown: (label) => known().includes(label),
    note: (label) => {
      const content = { pinFile: markOf(pinFile), tokens: [...new Set([...known(), label])] }
      writeFileDurably(file, JSON.stringify(content), { mode: 0o600 })
    },
  }
}

interface Tried {
  readonly data: string
  readonly regions: readonly string[]
  /** What the tokens' labels begin with. */
  readonly label: string
  /** Asked for where anything was refused before. */
  readonly library: () => Pkcs11Module
  /** Undefined: it was asked for at a terminal, and may be another one each time. */
  readonly pinFile: string | undefined
}

/** For a command that makes tokens: a PIN that one of those which are there has refused is not tried again. @throws UserError */
export function tryingOnce<R>({ data, regions, label, library, pinFile }: Tried, work: () => R): R {
  if (pinFile === undefined) return work()
  const all = regions.map((region) => {
    const file = join(data, 'hsm', `${region}${refusedPinsSuffix}`)
    return { file, refusals: refusedPins(pinFile, file), own: tokenLabel({ label }, region) }
  })
  for (const { own, refusals, file } of all) {
    if (!existsSync(file)) continue
    const module = library()
    for (const each of [own, ...poolLabels({ module, label: own })]) {
      const slot = module.slotOf(each)
      // One that is gone, or half made, is made with this PIN.
      if (slot !== undefined && module.tokenInfo(slot).hasUserPin && refusals.isKnown(each)) throw pinRefused(each)
    }
  }
  try {
    return work()
  } catch (cause) {
    const tried = cause instanceof UserPinTried ? cause.label : undefined
    const of = all.find(({ own }) => tried === own || (tried !== undefined && isPoolLabel(own, tried)))
    if (of !== undefined && tried !== undefined) {
      makeFolder(dirname(of.file))
      of.refusals.note(tried)
    }
    throw cause
  }
}

/** Each token of the region takes the PIN now. */
export function forgetRefusedPins(data: string, region: string): void {
  rmSync(join(data, 'hsm', `${region}${refusedPinsSuffix}`), { force: true })
}

function markOf(pinFile: string): string {
  const { mtimeMs, size, ino } = statSync(pinFile)
  return `${mtimeMs} ${size} ${ino}`
}

function contentOf(file: string): unknown {
  try {
    return parseJson(readFileSync(file, 'utf8'))
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined
    throw cause
  }
}
