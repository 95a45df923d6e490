import { auditFunction } from '../../handlers/audit/auditFunction.ts'
import { cryptoFunction } from '../../handlers/crypto/cryptoFunction.ts'
import { identityFunction } from '../../handlers/identity/identityFunction.ts'
import { keysFunction } from '../../handlers/keys/keysFunction.ts'
import { vaultFunction } from '../../handlers/vault/vaultFunction.ts'
import type { HttpFunction } from '../../lib/http/httpFunction.ts'
import type { FunctionName } from '../../lib/http/operations.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'

/** What a region answers with, whichever thread has the listener. */
export function regionFunctions(runtime: Runtime): Readonly<Record<FunctionName, HttpFunction>> {
  return {
    vault: vaultFunction(runtime),
    keys: keysFunction(runtime),
    crypto: cryptoFunction(runtime),
    identity: identityFunction(runtime),
    audit: auditFunction(runtime),
  }
}
