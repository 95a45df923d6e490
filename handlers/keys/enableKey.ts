import { changeKey } from '../../lib/kms/keys/changeKey.ts'
import { keyOperation } from './keyOperation.ts'

export const enableKeyOperation = keyOperation('EnableKey', {
  run: ({ ports, mutation }, loaded) =>
    changeKey(ports, mutation, loaded, 'EnableKey', () => ({ set: { lifecycleState: 'ENABLED' } })),
})
