import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openPkcs11Hsm } from '../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { realm } from '../../lib/ocid.ts'
import { messageOf } from '../../lib/userError.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/pkcs11Module.ts'
import { weaknessesOf } from '../../lib/hsm/pkcs11/vendors.ts'
import { parseJson } from '../../lib/parseJson.ts'
import { pinFrom } from './pin.ts'
import { refusedPins, refusedPinsSuffix } from './refusedPins.ts'
import { useOwnTokens } from './softHsmConfig.ts'
import { tokenLabel, type TokenSettings } from './tokenSettings.ts'

/** A line for each region's token, and whether all are fit for use. The PIN is tried once. */
export async function tokenStatus(
  tokens: TokenSettings,
  regions: readonly string[],
  data: string,
): Promise<{ readonly lines: readonly string[]; readonly isFit: boolean }> {
  useOwnTokens(tokens.module, data)
  const module = Pkcs11Module.load(tokens.module, tokens.initArguments)
  const pin = pinFrom(tokens.pinFile)
  const lines: string[] = weaknessesOf(module.vendor).map((says) => `  WEAK: ${says}`)
  let isFit = true
  for (const region of regions) {
    const label = tokenLabel(tokens, region)
    const refusals = join(data, 'hsm', `${region}${refusedPinsSuffix}`)
    const known = existsSync(join(data, 'hsm')) ? { refusedPins: refusedPins(tokens.pinFile, refusals) } : {}
    try {
      // Without its file: it is looked at, nothing is kept.
      const hsm = openPkcs11Hsm({ region, realm, token: { module, label, pin: () => pin, ...known } })
      const { name } = await hsm.selfTest()
      lines.push(`  ${region}  ${name}: self test passed; OAEP in the token: ${hsm.wraps.join(', ') || 'none'}`)
      // Opened without its state, all are free.
      const { free: all } = hsm.partitionCounts()
      const { taken, spent } = phasesIn(join(data, 'hsm', `${region}.json`))
      lines.push(
        `  ${region}  tokens for private vaults: ${all - taken - spent} free, ${taken} taken, ${spent} spent${spent > 0 ? ' (hsm init makes spent ones anew)' : ''}`,
      )
      if (hsm.rotation.isRotating()) lines.push(`  ${region}  a rotation of its root is under way`)
      hsm.close()
    } catch (cause) {
      isFit = false
      lines.push(`  ${region}  ${messageOf(cause)}`)
      // One wrong PIN is one of three in every token that has it.
      if (messageOf(cause).includes('refuses the PIN')) break
    }
  }
  lines.push(`  state of the regions: ${join(data, 'hsm')}`)
  return { lines, isFit }
}

/** As the region's state has it: for a person, whatever its MAC. */
function phasesIn(file: string): { readonly taken: number; readonly spent: number } {
  if (!existsSync(file)) return { taken: 0, spent: 0 }
  const { partitions = {} } = parseJson(readFileSync(file, 'utf8')) as {
    readonly partitions?: Readonly<Record<string, { readonly phase: string }>>
  }
  const phases = Object.values(partitions).map(({ phase }) => phase)
  const taken = phases.filter((phase) => phase === 'taken').length
  return { taken, spent: phases.length - taken }
}
