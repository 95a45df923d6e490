import type { Signatures } from '../signatures.ts'
import type { RegionStatement } from '../../hsm/hsm.ts'
import { headBytes, headHash, placesDigest, signerOf, type AuditHead, type HeadRow } from './auditHead.ts'
import type { Finding } from './finding.ts'

/** What another region has of a writer's heads: the latest that it was told, and any that this one does not follow. */
export interface ToldHead {
  readonly peer: string
  readonly head: AuditHead
  /** Of the region that told it. */
  readonly statement: RegionStatement
}

/** Verifies heads of one region: by which keys, the root has said. */
export class HeadSigners {
  readonly #region: string
  readonly #signatures: Signatures
  readonly #believed = new Map<string, RegionStatement>()

  constructor(region: string, signatures: Signatures) {
    this.#region = region
    this.#signatures = signatures
  }

  async add(statement: RegionStatement): Promise<void> {
    if ((statement as RegionStatement | null)?.region !== this.#region) return
    // It is whatever stands in the row.
    if (!(await this.#signatures.isStatement(statement).catch(() => false))) return
    this.#believed.set(signerOf(statement.publicKey), statement)
  }

  async hasSigned(head: AuditHead): Promise<boolean> {
    const statement = this.#believed.get(head.signer)
    if (statement === undefined || head.region !== this.#region) return false
    return this.#signatures.isSignedBy(statement, headBytes(head), Buffer.from(head.signature, 'base64'))
  }
}

/** Heads in the order of their numbers, as far as they are signed and cover what they say. */
export async function signedHeads(
  signers: HeadSigners,
  rows: readonly HeadRow[],
): Promise<{ readonly heads: readonly HeadRow[]; readonly findings: readonly Finding[] }> {
  const findings: Finding[] = []
  const heads: HeadRow[] = []
  for (const row of [...rows].sort((a, b) => a.head.number - b.head.number)) {
    const wrong = await wrongWith(signers, row)
    if (wrong !== undefined) findings.push(ofHead(row.head, `was altered: ${wrong}`))
    else heads.push(row)
  }
  return { heads, findings }
}

/** Whether all heads of one writer follow each other. */
export function checkOrder(heads: readonly HeadRow[], now: number): readonly Finding[] {
  const findings: Finding[] = []
  for (const [index, { head }] of heads.entries()) {
    const before = heads[index - 1]?.head
    const { previous, number } = head
    if (before === undefined) {
      if (number > 1 && !isBeginning(head, now))
        findings.push(ofHead(head, `is the first that is there: ${gone(1, number)}`))
    } else if (before.number + 1 !== number)
      findings.push(ofHead(head, `does not follow the one before: ${gone(before.number + 1, number)}`))
    else if (previous?.hash !== headHash(before))
      findings.push(ofHead(head, 'follows another head than the one before it.'))
  }
  return findings
}

/** Whether nothing that is still kept stands before it. */
export function isBeginning({ number, previous }: AuditHead, now: number): boolean {
  return number === 1 || (previous !== null && previous.keptUntil !== null && previous.keptUntil <= now)
}

function gone(from: number, number: number): string {
  return from === number - 1 ? `head ${from} was deleted.` : `heads ${from} to ${number - 1} were deleted.`
}

async function wrongWith(signers: HeadSigners, { head, places }: HeadRow): Promise<string | undefined> {
  if (!(await signers.hasSigned(head))) return 'its region has not signed it.'
  const count = head.to - head.from + 1
  if (placesDigest(places) !== head.places || places.links.length !== count)
    return 'it covers other places than were signed.'
  return undefined
}

/** What the other regions were told must still be there, unless it has expired. */
export function checkTold(heads: readonly AuditHead[], told: readonly ToldHead[], now: number): readonly Finding[] {
  return told.flatMap(({ head, peer }) => {
    const own = heads.find(({ number }) => number === head.number)
    const { keptUntil } = head
    const tells = `${peer} was told of it`
    if (own === undefined && (keptUntil === null || keptUntil > now))
      return [{ ...ofHead(head, `is gone, with the events up to place ${head.to}: ${tells}.`), kind: 'cut' as const }]
    if (own !== undefined && headHash(own) !== headHash(head))
      return [{ ...ofHead(head, `is another than it was: ${tells}.`), kind: 'cut' as const }]
    return []
  })
}

export function ofHead({ region, writer, number, lastTime }: AuditHead, says: string): Finding {
  return { kind: 'head', region, at: lastTime, says: `Head ${number} of writer ${writer} (up to ${lastTime}) ${says}` }
}
