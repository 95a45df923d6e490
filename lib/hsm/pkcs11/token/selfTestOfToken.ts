import type { Hsm } from '../../hsm.ts'

/** One key of each kind made, wrapped, opened and used in the token. @throws Error naming what failed. */
export async function selfTestOfToken(hsm: Pick<Hsm, 'createVaultKeys' | 'openVault' | 'sign'>): Promise<void> {
  const context = { realm: 'self-test', tenancyId: 'self-test', vaultId: 'self-test', isPrivate: false }
  const vault = hsm.openVault(context, await hsm.createVaultKeys(context))
  const material = {
    keyId: 'self-test',
    materialId: '0'.repeat(32),
    protectionMode: 'HSM',
    isExportable: false,
  } as const
  const message = Buffer.from('self test')
  const aes = { ...material, shape: { algorithm: 'AES', length: 32 } } as const
  const opened = await vault.use(aes, await vault.generate(aes), async (key) =>
    key.decrypt('AES_256_GCM', await key.encrypt('AES_256_GCM', message, {}), {}),
  )
  if (!opened.equals(message)) throw new Error('The HSM’s self test failed: the token’s AES gave a wrong answer.')
  const ec = { ...material, shape: { algorithm: 'ECDSA', length: 32, curveId: 'NIST_P256' } } as const
  const isSigned = await vault.use(ec, await vault.generate(ec), async (key) =>
    key.verify('ECDSA_SHA_256', 'RAW', message, await key.sign('ECDSA_SHA_256', 'RAW', message)),
  )
  if (!isSigned) throw new Error('The HSM’s self test failed: the token’s ECDSA gave a wrong answer.')
  // It is verified there.
  await hsm.sign(message)
}
