import { deepEqual, equal, rejects } from 'node:assert/strict'
import { renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { initToken } from '../../../lib/hsm/pkcs11/ceremony/initToken.ts'
import { openPkcs11Hsm } from '../../../lib/hsm/pkcs11/pkcs11Hsm.ts'
import { Pkcs11Module } from '../../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { aMaterial, aVault, realm } from '../contract/fixtures.ts'

/**
 * A process of its own, with a place of its own for its tokens, which it takes away and puts back: in the tests' own place other
 * suites have theirs.
 */
const tokens = join(dirname(process.env['SOFTHSM2_CONF'] ?? ''), 'tokens')
const message = Buffer.from('through all of it')
const module = Pkcs11Module.load(process.argv[2] ?? '')
const [label, pin] = ['test', 'the service’s']
initToken({ module, label, soPin: 'the officer’s', pin })
let now = 1_000_000
const token = { module, label, pin: () => pin, now: () => now }
const hsm = openPkcs11Hsm({ realm, region: 'eu-test-1', token })
const vault = hsm.openVault(aVault(), await hsm.createVaultKeys(aVault()))
const aes = aMaterial()
const wrapped = await vault.generate(aes)
const encrypted = () => vault.use(aes, wrapped, (key) => key.encrypt('AES_256_GCM', message, {}))

module.call('C_CloseAllSessions', module.slotOf(label) ?? -1)
renameSync(tokens, `${tokens}.away`)
for (let second = 0; second < 3; second += 1) {
  await rejects(encrypted, { name: 'KmsError', code: 'unavailable', retryAfter: 1 })
  equal(hsm.isAnswering(), false)
  now += 1_000
}
renameSync(`${tokens}.away`, tokens)
const ciphertext = await encrypted()
deepEqual(await vault.use(aes, wrapped, (key) => key.decrypt('AES_256_GCM', ciphertext, {})), message)
equal(hsm.isAnswering(), true)
