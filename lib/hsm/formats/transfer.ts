import { canonicalJson } from '../../canonicalJson.ts'
import { KmsError } from '../../errors.ts'
import type { OaepHash } from '../algorithms.ts'
import type { Hsm, OaepWrap, RegionStatement, TransferBundle, TransferContext, TransportOffer } from '../hsm.ts'
import { keysOf } from '../../keysOf.ts'
import { asJson, unsignedBytes } from './statement.ts'

/** What every backend does alike when a vault's keys cross: which documents are signed, and what is checked before a key is touched. */

export const oaepWraps = { 'oaep-sha256': 'sha256', 'oaep-sha1': 'sha1' } as const satisfies Record<OaepWrap, OaepHash>
const allWraps = keysOf(oaepWraps)
const bundleFormats = {
  'oaep-sha256': 'vaultspan/transfer-bundle/1+oaep-sha256',
  'oaep-sha1': 'vaultspan/transfer-bundle/1+oaep-sha1',
} as const satisfies Record<OaepWrap, TransferBundle['format']>

type Signer = Pick<Hsm, 'sign' | 'statement'>
type Verifier = Pick<Hsm, 'region' | 'isSignedBy'>

export async function signOffer(
  hsm: Signer,
  fields: Pick<TransportOffer, 'context' | 'transportKeyId' | 'challenge' | 'publicKey' | 'wraps' | 'keeper'>,
): Promise<TransportOffer> {
  const statement = hsm.statement(fields.context.tenancyId)
  const unsigned = { format: 'vaultspan/transport-offer/1', ...fields, statement } as const
  return { ...unsigned, signature: (await hsm.sign(unsignedBytes(unsigned))).toString('base64') }
}

export async function signBundle(
  hsm: Signer,
  offer: TransportOffer,
  wrap: OaepWrap,
  wrapped: Pick<TransferBundle, 'oaep' | 'kwp'>,
): Promise<TransferBundle> {
  const { context, transportKeyId, challenge } = offer
  const statement = hsm.statement(context.tenancyId)
  const format = bundleFormats[wrap]
  const unsigned = { format, context, transportKeyId, challenge, ...wrapped, statement } as const
  return { ...unsigned, signature: (await hsm.sign(unsignedBytes(unsigned))).toString('base64') }
}

/** The first of the offer's that this backend can do. @throws KmsError integrityFailure */
export function chooseWrap(
  { wraps = ['oaep-sha256'] }: TransportOffer,
  able: readonly OaepWrap[] = allWraps,
): OaepWrap {
  const chosen = wraps.find((wrap) => able.includes(wrap))
  requireThat(chosen !== undefined, `the two HSMs have no wrapping in common (here: ${able.join(', ') || 'none'})`)
  return chosen
}

/** How the bundle was wrapped. @throws KmsError integrityFailure where the offer did not say so. */
export function wrapOf({ format }: TransferBundle, { wraps = ['oaep-sha256'] }: TransportOffer): OaepWrap {
  const wrap = wraps.find((each) => format === bundleFormats[each])
  requireThat(wrap !== undefined, 'the bundle has an unknown format')
  return wrap
}

/** The source's checks. @throws KmsError integrityFailure */
export async function requireOffer(hsm: Verifier, context: TransferContext, offer: TransportOffer): Promise<void> {
  requireThat((offer.format as string) === 'vaultspan/transport-offer/1', 'the offer has an unknown format')
  requireThat(context.source === hsm.region, 'this region is not its source')
  requireThat(isSame(offer.context, context), 'the offer is for another transfer')
  requireThat(isStatementFor(offer.statement, context, context.destination), 'the offer is not from its destination')
  requireThat(await isSigned(hsm, offer), 'the signature of the offer does not verify')
}

/** The destination's checks, against the offer that it made itself. Resolves with how it was wrapped. @throws KmsError integrityFailure */
export async function requireBundle(
  hsm: Verifier,
  context: TransferContext,
  bundle: TransferBundle,
  offer: TransportOffer,
): Promise<OaepWrap> {
  const wrap = wrapOf(bundle, offer)
  requireThat(isSame(offer.context, context), 'the transport key was made for another transfer')
  requireThat(isSame(bundle.context, context), 'the bundle is for another transfer')
  requireThat(bundle.transportKeyId === offer.transportKeyId, 'the bundle is for another transport key')
  requireThat(bundle.challenge === offer.challenge, 'the bundle answers another challenge')
  requireThat(isStatementFor(bundle.statement, context, context.source), 'the bundle is not from its source')
  requireThat(await isSigned(hsm, bundle), 'the signature of the bundle does not verify')
  return wrap
}

/** @throws KmsError integrityFailure */
export function requireThat(isTrue: boolean, otherwise: string): asserts isTrue {
  if (!isTrue) throw refusedTransfer(otherwise)
}

export function refusedTransfer(reason: string): KmsError {
  return new KmsError('integrityFailure', `The transfer of the vault's keys is refused: ${reason}.`)
}

function isSigned(hsm: Verifier, document: TransportOffer | TransferBundle): Promise<boolean> {
  return hsm.isSignedBy(document.statement, unsignedBytes(document), Buffer.from(document.signature, 'base64'))
}

function isStatementFor(statement: RegionStatement, { realm, tenancyId }: TransferContext, region: string): boolean {
  return statement.realm === realm && statement.tenancyId === tenancyId && statement.region === region
}

function isSame(left: TransferContext, right: TransferContext): boolean {
  return canonicalJson(asJson(left)) === canonicalJson(asJson(right))
}
