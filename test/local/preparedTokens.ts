import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { softHsmPath } from '../hsm/tokens/softHsm.ts'
import { run } from './startedService.ts'

/** As docs/hsm.md has it: PINs in files, tokens beside the data, SoftHSM's own settings left alone. */
export function preparedTokens(directory: string, more: object = {}) {
  const [soPin, pin] = ['so.pin', 'user.pin'].map((name) => {
    const file = join(directory, name)
    writeFileSync(file, `${name} 1234\n`, { mode: 0o600 })
    return file
  })
  const data = join(directory, 'data')
  const environment = {
    HSM: 'pkcs11',
    PKCS11_MODULE: softHsmPath,
    PKCS11_PIN_FILE: pin,
    SOFTHSM2_CONF: undefined,
    ...more,
  }
  const hsm = (...words: readonly string[]) => run('local/main.ts', ['hsm', ...words, '--data', data], environment)
  return {
    data,
    pin: pin ?? '',
    environment,
    hsm,
    init: () => hsm('init', '--so-pin-file', soPin ?? '', '--private', '2'),
  }
}
