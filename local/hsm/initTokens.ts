import { initToken } from '../../lib/hsm/pkcs11/initToken.ts'
import { Pkcs11Module } from '../../lib/hsm/pkcs11/pkcs11Module.ts'
import { useOwnTokens } from './softHsmConfig.ts'
import { tokenLabel } from './tokenSettings.ts'

export interface NewTokens {
  readonly data: string
  readonly module: string
  readonly label: string
  readonly regions: readonly string[]
  readonly soPin: string
  readonly pin: string
}

const says = {
  made: 'made, with its roots',
  completed: 'was there; its roots are made',
  'there already': 'was there with its roots; nothing is changed',
} as const

/** A token for each region. Resolves with a line for each. @throws UserError */
export function initTokens({ data, module, label, regions, soPin, pin }: NewTokens): readonly string[] {
  useOwnTokens(module, data, { isNew: true })
  const loaded = Pkcs11Module.load(module, process.env['PKCS11_INIT_ARGUMENTS'])
  return regions.map((region) => {
    const name = tokenLabel({ label }, region)
    return `  ${name}  ${says[initToken({ module: loaded, label: name, soPin, pin })]}`
  })
}
