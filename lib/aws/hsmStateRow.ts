import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { parseState, type HsmState } from '../hsm/software/hsmState.ts'
import { canonicalJson } from '../canonicalJson.ts'
import { KmsError } from '../errors.ts'
import type { Item, Tables, Write } from '../ports.ts'
import { requireFormat } from '../requireFormat.ts'
import type { EncryptionContext, KeyService } from './kms/keyService.ts'

export interface StatePorts {
  readonly tables: Pick<Tables, 'get' | 'write'>
  readonly keys: Pick<KeyService, 'generateDataKey' | 'decrypt'>
  readonly region: string
  readonly resourcePrefix: string
}

export interface KeptState {
  readonly state: HsmState
  readonly revision: number
}

/** In the table that does not replicate; deploy/roles.ts lets only provisioning write this partition. */
export const hsmPk = 'hsm'
const stateSk = 'state'
/** Only the state's revision: every instance asks for it once a second, and the state may have 200 KB. */
const revisionSk = 'state-revision'

interface StateRow extends Item {
  readonly format: 'vaultspan/sealed-hsm-state/1'
  readonly revision: number
  /** Base64: the data key under the key service; 12 bytes; ciphertext and tag of AES-256-GCM. */
  readonly dataKey: string
  readonly iv: string
  readonly sealed: string
}

/** The state, unless it is the one that is known. @throws Error where the row was altered or belongs elsewhere. */
export async function readHsmState(ports: StatePorts, known?: KeptState): Promise<KeptState | 'unchanged' | undefined> {
  if (known !== undefined) {
    const head = await ports.tables.get('Replication', hsmPk, revisionSk)
    if (head?.revision === known.revision) return 'unchanged'
  }
  const row = (await ports.tables.get('Replication', hsmPk, stateSk)) as StateRow | undefined
  if (row === undefined) return undefined
  requireFormat('The encrypted state of the HSM', row, 'vaultspan/sealed-hsm-state/1')
  if (row.revision === known?.revision) return 'unchanged'
  return { state: await decryptState(ports, row), revision: row.revision }
}

/** False where another has written first. */
export async function writeHsmState(ports: StatePorts, { state, revision }: KeptState): Promise<boolean> {
  const { plaintext: dataKey, wrapped } = await ports.keys.generateDataKey(stateContext(ports))
  const iv = randomBytes(12)
  try {
    const cipher = createCipheriv('aes-256-gcm', dataKey, iv).setAAD(associatedData(ports, revision))
    const encrypted = Buffer.concat([cipher.update(JSON.stringify(state)), cipher.final(), cipher.getAuthTag()])
    const item: StateRow = {
      pk: hsmPk,
      sk: stateSk,
      format: 'vaultspan/sealed-hsm-state/1',
      revision,
      dataKey: Buffer.from(wrapped).toString('base64'),
      iv: iv.toString('base64'),
      sealed: encrypted.toString('base64'),
    }
    const condition =
      revision === 1 ? ({ kind: 'absent' } as const) : { kind: 'revision' as const, revision: revision - 1 }
    const head: Item = { pk: hsmPk, sk: revisionSk, revision }
    const writes: readonly Write[] = [
      { op: 'put', table: 'Replication', item, condition },
      { op: 'put', table: 'Replication', item: head },
    ]
    return (await ports.tables.write(writes)).ok
  } finally {
    dataKey.fill(0)
  }
}

async function decryptState(ports: StatePorts, row: StateRow): Promise<HsmState> {
  const dataKey = await ports.keys.decrypt(Buffer.from(row.dataKey, 'base64'), stateContext(ports))
  const encrypted = Buffer.from(row.sealed, 'base64')
  let text: Buffer | undefined
  try {
    const decipher = createDecipheriv('aes-256-gcm', dataKey, Buffer.from(row.iv, 'base64'), { authTagLength: 16 })
      .setAAD(associatedData(ports, row.revision))
      .setAuthTag(encrypted.subarray(-16))
    text = Buffer.concat([decipher.update(encrypted.subarray(0, -16)), decipher.final()])
    return parseState(`of ${ports.resourcePrefix} in ${ports.region}`, text.toString(), ports.region)
  } catch (cause) {
    throw new KmsError('integrityFailure', 'The state of the HSM was altered or belongs to another region.', { cause })
  } finally {
    dataKey.fill(0)
    text?.fill(0)
  }
}

/** A state that is put into another region's or stage's table does not unwrap there. */
export function stateContext({
  region,
  resourcePrefix,
}: Pick<StatePorts, 'region' | 'resourcePrefix'>): EncryptionContext {
  return {
    'vaultspan:purpose': 'simulated-hsm-state',
    'vaultspan:region': region,
    'vaultspan:deployment': resourcePrefix,
  }
}

function associatedData(ports: StatePorts, revision: number): Buffer {
  return Buffer.from(canonicalJson({ ...stateContext(ports), revision }))
}
