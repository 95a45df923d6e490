import { KmsError } from './errors.ts'
import type { KeyState, KeyVersionState } from './rows.ts'

/** Which states of a key allow which operation (contract §4.2). A key's absence and DELETED answer 404 before this. */
const keyOperations = {
  UpdateKey: ['CREATING', 'ENABLED', 'DISABLED'],
  DisableKey: ['ENABLED'],
  EnableKey: ['DISABLED'],
  CreateKeyVersion: ['ENABLED'],
  Encrypt: ['ENABLED'],
  Decrypt: ['ENABLED'],
  GenerateDataEncryptionKey: ['ENABLED'],
  Sign: ['ENABLED'],
  Verify: ['ENABLED'],
} as const satisfies Record<string, readonly KeyState[]>

export type KeyOperation = keyof typeof keyOperations

/** @throws KmsError incorrectState, saying which state is needed. */
export function requireKeyState(
  operation: KeyOperation,
  key: { readonly id: string; readonly lifecycleState: KeyState },
): void {
  const allowed: readonly KeyState[] = keyOperations[operation]
  if (allowed.includes(key.lifecycleState)) return
  throw new KmsError(
    'incorrectState',
    `${operation} needs a key that is ${allowed.join(' or ')}; ${key.id} is ${key.lifecycleState}.`,
  )
}

/** Only an ENABLED version does crypto (contract §4.3). */
export function requireVersionEnabled(version: {
  readonly id: string
  readonly lifecycleState: KeyVersionState
}): void {
  if (version.lifecycleState === 'ENABLED') return
  throw new KmsError(
    'incorrectState',
    `The key version ${version.id} is ${version.lifecycleState}; use an ENABLED one.`,
  )
}
