import { hash } from 'node:crypto'
import * as v from 'valibot'
import { definedTags, displayName, freeformTags, ocid, timestamp } from '../../lib/http/fields.ts'
import { parseInput } from '../../lib/http/parseInput.ts'
import { KmsError } from '../../lib/errors.ts'
import type { KmsPorts } from '../../lib/kms/kmsPorts.ts'
import type { VaultRow } from '../../lib/kms/rows/rows.ts'
import { systemMutation } from '../../lib/kms/systemMutation.ts'
import { createVault } from '../../lib/kms/vaults/vaults.ts'
import { parseJson } from '../../lib/parseJson.ts'

/** A vault's record from elsewhere (docs/operating.md): what it was, not its keys; those are made anew here. */
const vaultRecord = v.object({
  format: v.literal('vaultspan/vault-record-import/1'),
  compartmentId: v.nullish(ocid),
  displayName,
  vaultType: v.picklist(['DEFAULT', 'VIRTUAL_PRIVATE']),
  timeCreated: timestamp,
  isVaultReplicable: v.boolean(),
  freeformTags,
  definedTags,
})

/** The operator's tool, not an operation. Importing the same text again within a day gives the same vault. */
export async function importVaultRecord(ports: KmsPorts, tenancyId: string, text: string): Promise<VaultRow> {
  const record = parseInput(vaultRecord, parse(text)) as v.InferOutput<typeof vaultRecord>
  const { format: _format, isVaultReplicable, timeCreated, compartmentId, ...details } = record
  const digest = hash('sha256', `${tenancyId} ${text}`, 'hex')
  const compartment = compartmentId ?? tenancyId
  const expiresAt = Math.floor(ports.clock() / 1000) + 24 * 3600
  const mutation = { ...systemMutation(ports, tenancyId, 'ImportVault'), request: { pk: digest, digest, expiresAt } }
  return createVault(ports, mutation, {
    ...details,
    tenancyId,
    compartmentId: compartment,
    compartmentIds: [],
    origin: { isVaultReplicable, timeCreated: timeCreated.toISOString() },
  })
}

function parse(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    throw new KmsError('cannotParseRequest', 'The vault record is not valid JSON.')
  }
}
