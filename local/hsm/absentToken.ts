import { Pkcs11Module } from '../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { lacksOwnTokens, useOwnTokens } from './softHsmConfig.ts'
import { hasToken, tokenLabel, type TokenSettings } from './tokenSettings.ts'

/** Whether no token has the region's label, as before custodians bring it back. */
export function isTokenAbsent(tokens: TokenSettings | null, region: string, data: string): boolean {
  if (!hasToken(tokens, region)) return false
  if (lacksOwnTokens(tokens.module, data)) return true
  useOwnTokens(tokens.module, data)
  return Pkcs11Module.load(tokens.module, tokens.initArguments).slotOf(tokenLabel(tokens, region)) === undefined
}
