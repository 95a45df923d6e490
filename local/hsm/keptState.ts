import * as v from 'valibot'
import type { TokenCopies } from '../../lib/hsm/pkcs11/ceremony/tokenBackup.ts'
import { vaultText } from '../../lib/hsm/pkcs11/roots/vaultText.ts'
import { parseJson } from '../../lib/parseJson.ts'

const vaultSchema = v.looseObject({ realm: v.string(), tenancyId: v.string(), vaultId: v.string() })

const schema = v.looseObject({
  format: v.string(),
  roots: v.exactOptional(v.array(v.number())),
  revision: v.exactOptional(v.number()),
  partitions: v.exactOptional(
    v.record(v.string(), v.looseObject({ phase: v.string(), vault: v.exactOptional(vaultSchema) })),
  ),
  tenancies: v.record(
    v.string(),
    v.looseObject({
      statement: v.looseObject({ publicKey: v.string() }),
      rootKey: v.exactOptional(v.string()),
      identityHead: v.exactOptional(v.number()),
    }),
  ),
})

/** What a backup and its restore look at in `hsm/REGION.json`, of either kind of region. */
export type KeptState = v.InferOutput<typeof schema>

/** Undefined where there is none, or nothing that can be read. */
export function keptState(text: string | null | undefined): KeptState | undefined {
  try {
    const parsed = v.safeParse(schema, parseJson(text ?? ''))
    return parsed.success ? parsed.output : undefined
  } catch {
    return undefined
  }
}

/** A tenancy whose root is in the region's token, and not among these copies; a simulated region's roots are in the state itself. */
export function lackedRoot({ tenancies }: KeptState, [own]: readonly TokenCopies[]): string | undefined {
  if (own === undefined) return undefined
  const labels = new Set(own.keys.map(({ label }) => label))
  const lacked = Object.entries(tenancies).find(([, { rootKey }]) => rootKey !== undefined && !labels.has(rootKey))
  return lacked?.[0]
}

export interface TakenToken {
  readonly label: string
  readonly vaultId: string
  /** What stands in it, as VaultMarker writes it. */
  readonly mark: string
}

/** Tokens that private vaults have. */
export function takenTokens({ partitions = {} }: KeptState): readonly TakenToken[] {
  return Object.entries(partitions).flatMap(([label, { phase, vault }]) =>
    phase === 'taken' && vault !== undefined
      ? [{ label, vaultId: vault.vaultId, mark: vaultText({ ...vault, isPrivate: true }) }]
      : [],
  )
}

/** Of a token that was made anew since, and is another vault's now. */
export function foreignToken(state: KeptState, tokens: readonly TokenCopies[]): TakenToken | undefined {
  const marks = new Map(tokens.map(({ label, vault }) => [label, vault]))
  return takenTokens(state).find(({ label, mark }) => (marks.get(label) ?? mark) !== mark)
}

/** The token of a private vault that these copies do not have. */
export function lackedToken(
  { partitions = {} }: KeptState,
  tokens: readonly Pick<TokenCopies, 'label'>[],
): (Pick<TakenToken, 'label'> & { readonly of: string }) | undefined {
  if (tokens.length === 0) return undefined
  const labels = new Set(tokens.map(({ label }) => label))
  const label = Object.keys(partitions).find((each) => partitions[each]?.phase === 'taken' && !labels.has(each))
  if (label === undefined) return undefined
  const vaultId = partitions[label]?.vault?.vaultId
  return { label, of: vaultId === undefined ? 'a private vault' : `the private vault ${vaultId}` }
}
