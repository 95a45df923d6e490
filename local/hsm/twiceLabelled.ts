import { poolLabels } from '../../lib/hsm/pkcs11/ceremony/ownTokens.ts'
import type { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { UserError } from '../../lib/userError.ts'
import { softHsmCommand } from './softHsmConfig.ts'

/** A line of each label, of a region and its pool, that more than one token has: two directories may have made them at once in one place of tokens. */
export function twiceLabelled(module: Pkcs11Module, label: string): readonly string[] {
  return [...new Set([label, ...poolLabels({ module, label })])].flatMap((each) => {
    const [used, ...others] = module.serialsOf(each)
    return used === undefined || others.length === 0 ? [] : [lineOf(each, used, others)]
  })
}

/** @throws UserError */
export function requireLabelledOnce(module: Pkcs11Module, label: string): void {
  const [line] = twiceLabelled(module, label)
  if (line !== undefined) throw new UserError(`${line}. Nothing was made.`)
}

function lineOf(label: string, used: string, others: readonly string[]): string {
  const commands = others.map((serial) => softHsmCommand('--delete-token', '--serial', serial)).join('; ')
  return `${others.length + 1} tokens have the label ${label}; that with the serial number ${used} is used. Where no other directory uses the others, delete them by their vendor's program (SoftHSM: ${commands}); otherwise that directory takes another PKCS11_LABEL or place of tokens`
}
