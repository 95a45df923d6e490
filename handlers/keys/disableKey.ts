import { changeKey } from '../../lib/kms/keys/changeKey.ts'
import { keyOperation } from './keyOperation.ts'

export const disableKeyOperation = keyOperation('DisableKey', {
  run: ({ ports, mutation }, loaded) =>
    changeKey(ports, mutation, loaded, 'DisableKey', () => ({ set: { lifecycleState: 'DISABLED' } })),
})
