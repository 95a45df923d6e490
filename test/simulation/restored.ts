import { decryptOperation } from '../../handlers/crypto/decrypt.ts'
import { keySk, vaultSk, type KeyRow } from '../../lib/kms/rows/rows.ts'
import { bodyOf } from './client.ts'
import { observe } from './observe.ts'
import { Violation } from './violation.ts'
import type { Promised, World } from './world.ts'

/** Whatever opened while a vault was saved opens in the vault that was made of the backup in the other region. */
export async function requireRestored(world: World): Promise<void> {
  const { tables } = world.b
  for (const { id, saved } of world.elsewhere) {
    const vault = tables.get('Vaults', id, vaultSk)
    if (vault?.['restoredFromVaultId'] !== saved.vault.id) throw new Violation(`The restored vault ${id} is not there.`)
    if (vault['lifecycleState'] !== 'ACTIVE') throw new Violation(`The restored vault ${id} is not whole.`)
    for (const promised of saved.promised) await requireOpensElsewhere(world, id, promised)
  }
}

async function requireOpensElsewhere(world: World, id: string, { vault, keyId, versionId, bytes }: Promised) {
  const key = [...world.b.tables.all('Keys')]
    .map((row) => row as unknown as KeyRow)
    .find((row) => row.sk === keySk && row.vaultId === id && row.restoredFromKeyId === keyId)
  if (key?.lifecycleState !== 'ENABLED')
    throw new Violation(`The key ${keyId} is ${key?.lifecycleState ?? 'not there'} in ${id}.`)
  const input = { keyId: key.pk, ciphertext: bytes, associatedData: {}, loggingContext: {} }
  const ask = { operation: decryptOperation, vaultId: id, parameters: {}, query: {}, input, token: undefined }
  const body = await world.perform(observe(world, world.b), vault.tenancy, ask).then(bodyOf, (cause: unknown) => {
    throw new Violation(`A ciphertext of ${versionId} does not open in the restored vault ${id}: ${String(cause)}.`)
  })
  if (body?.['plaintext'] !== Buffer.from(versionId).toString('base64'))
    throw new Violation(`A ciphertext of ${versionId} opens to something else in the restored vault ${id}.`)
}
