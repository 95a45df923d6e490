import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { initPartition, initToken } from '../../lib/hsm/pkcs11/initToken.ts'
import { partitionLabel } from '../../lib/hsm/pkcs11/partitions.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/pkcs11Module.ts'
import { HostDirectory } from '../directory/hostDirectory.ts'
import { useOwnTokens } from './softHsmConfig.ts'
import { tokenLabel } from './tokenSettings.ts'

export interface NewTokens {
  readonly data: string
  readonly module: string
  readonly label: string
  readonly regions: readonly string[]
  /** How many tokens for private vaults each region is to have. */
  readonly privateVaults: number
  readonly soPin: string
  readonly pin: string
}

const says = {
  made: 'made, with its roots',
  completed: 'was there; its roots are made',
  'made anew': 'was spent; it is initialized anew, with new roots',
  'there already': 'was there with its roots; nothing is changed',
} as const

/**
 * A token for each region, and its pool of those for private vaults, with the service stopped: it would not see new tokens, and
 * one that it has spent has sessions of its own. Resolves with a line for each. @throws UserError
 */
export function initTokens(tokens: NewTokens): readonly string[] {
  if (!existsSync(join(tokens.data, 'host.db'))) return initAll(tokens)
  const directory = new HostDirectory(tokens.data)
  try {
    return initAll(tokens)
  } finally {
    directory.close()
  }
}

function initAll({ data, module, label, regions, privateVaults, soPin, pin }: NewTokens): readonly string[] {
  useOwnTokens(module, data, { isNew: true })
  const loaded = Pkcs11Module.load(module, process.env['PKCS11_INIT_ARGUMENTS'])
  return regions.flatMap((region) => {
    const name = tokenLabel({ label }, region)
    const pins = { module: loaded, soPin, pin }
    const pool = Array.from({ length: privateVaults }, (_, index) => partitionLabel(name, index + 1))
    return [
      `  ${name}  ${says[initToken({ ...pins, label: name })]}`,
      ...pool.map((each) => `  ${each}  ${says[initPartition({ ...pins, label: each })]}`),
    ]
  })
}
