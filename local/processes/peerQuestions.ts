import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TreePlace } from '../../lib/kms/rows/digestTree.ts'
import type { VaultRow } from '../../lib/kms/rows/rows.ts'
import type { PutBackPeer } from '../../lib/replication/takeBack/recover.ts'
import { parseJson } from '../../lib/parseJson.ts'

/**
 * What a region on another machine may ask of this one, at its inbox and under its own certificate, when it was put back to an
 * older copy, and to find out whether it was. Arguments and answers are JSON.
 */
export type PeerQuestion = Exclude<keyof PutBackPeer, 'name'>

type Answer = (asker: string, args: readonly unknown[]) => Promise<unknown>

export interface AskedRegion {
  readonly host: PutBackPeer
  readonly tenancyId: string
  readonly vaultOf: (vaultId: string) => Promise<Pick<VaultRow, 'primaryRegion' | 'replicaRegion'> | undefined>
}

/** Of vaults it tells only the regions that have them too. */
export function peerAnswers({ host, tenancyId, vaultOf }: AskedRegion): Readonly<Record<PeerQuestion, Answer>> {
  const common = async (asker: string, vaultId: unknown, as: readonly ('primaryRegion' | 'replicaRegion')[]) => {
    const vault = await vaultOf(String(vaultId))
    if (vault === undefined || !as.some((role) => vault[role] === asker))
      throw new Error(`${asker} has no such vault in common with ${host.name}.`)
    return String(vaultId)
  }
  return {
    peerMark: (asker) => host.peerMark(asker),
    knownMark: (asker) => host.knownMark(asker),
    statement: () => host.statement(tenancyId),
    identityEntries: (_, [, after]) => host.identityEntries(tenancyId, Number(after)),
    standingVaults: async (asker) =>
      (await host.standingVaults(tenancyId)).filter(
        ({ vault }) => vault.primaryRegion === asker || vault.replicaRegion === asker,
      ),
    standingKeys: async (asker, [vaultId, from]) =>
      // INVARIANT: it goes on from where an answer of this region ended.
      host.standingKeys(await common(asker, vaultId, ['primaryRegion', 'replicaRegion']), from as TreePlace),
    fenceOf: (_, [vaultId]) => host.fenceOf(String(vaultId)),
    replicateAnew: async (asker, [vaultId]) => host.replicateAnew(await common(asker, vaultId, ['replicaRegion'])),
  }
}

const path = '/questions/'

export function questionPath(question: PeerQuestion): string {
  return path + question
}

export function isQuestion({ url = '' }: IncomingMessage): boolean {
  return url.startsWith(path)
}

/** Far more than any question has. */
const maxBytes = 10_000

export function answerQuestion(
  request: IncomingMessage,
  response: ServerResponse,
  asker: string,
  answers: Readonly<Record<PeerQuestion, Answer>>,
): void {
  const say = (status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? null))
  }
  answerTo(request, asker, answers).then(
    (answer) => {
      if (answer === undefined) say(404, 'There is no such question.')
      else say(200, answer.said)
    },
    (cause: unknown) => {
      say(400, cause instanceof Error ? cause.message : String(cause))
    },
  )
}

async function answerTo(
  request: IncomingMessage,
  asker: string,
  answers: Readonly<Record<string, Answer>>,
): Promise<{ readonly said: unknown } | undefined> {
  const name = (request.url ?? '').slice(path.length)
  const answer = Object.hasOwn(answers, name) ? answers[name] : undefined
  if (answer === undefined || request.method !== 'POST') return undefined
  let text = ''
  for await (const part of request.setEncoding('utf8') as AsyncIterable<string>) {
    text += part
    if (text.length > maxBytes) throw new Error('A question is short.')
  }
  const args: unknown = parseJson(text)
  if (!Array.isArray(args)) throw new Error('A question has its arguments as a list.')
  return { said: await answer(asker, args) }
}
