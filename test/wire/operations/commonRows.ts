import { rowOf, type OperationName } from '../../../lib/http/operations.ts'
import { notFound, success, type Row } from './row.ts'
import { sendTo } from './sendTo.ts'
import type { Stage, Target } from './stage.ts'
import type { Subject } from './subject.ts'
import { subjects } from './subjects.ts'

const nothingInIt = {} as Target

export const absent = 'what does not exist'
export const forbidden = 'a caller to whom no policy grants it'

/** What every operation refuses, as far as it applies, and its success: rows made from the table of operations. */
export const commonRows: readonly Row[] = Object.entries(subjects).flatMap(([name, subject]) =>
  rowsOf(name as OperationName, subject),
)

function rowsOf(operation: OperationName, subject: Subject): readonly Row[] {
  const { about, takes = [], body } = subject
  const row = (tried: string, expected: string, prepare: Row['prepare']): Row => ({
    operation,
    tried,
    expected,
    prepare,
  })
  const call =
    (choose: (stage: Stage) => Target, as: 'administrator' | 'stranger' | 'impostor' = 'administrator') =>
    (stage: Stage) =>
    () =>
      subject.call(stage[as], choose(stage), {})
  const route = rowOf(operation)
  const ready = (stage: Stage) => stage.ready
  return [
    row('a call in good order', success, async (stage) => {
      const target = await freshOf(stage, subject)
      return async () => {
        expect(await subject.call(stage.administrator, target, {})).toMatchObject(subject.answers)
      }
    }),
    row("another's signature", '401 NotAuthenticated', call(ready, 'impostor')),
    ...(route.isOpen === true ? [] : [row(forbidden, notFound, call(ready, 'stranger'))]),
    ...(about === 'none' || about === 'tenancy'
      ? []
      : [
          row(
            absent,
            notFound,
            call((stage) => stage.absent),
          ),
        ]),
    row(
      route.plane === 'vault' ? "the region's endpoint" : "a vault's endpoint",
      '404 NotFound',
      call(({ ready: target }) => elsewhere(target)),
    ),
    ...(route.plane === 'vault' && about === 'key'
      ? [
          row(
            "the endpoint of another vault than the key's",
            notFound,
            call(({ ready: target, another }) => ({ ...target, vault: another.vault })),
          ),
        ]
      : []),
    ...(takes.includes('if-match') ? [row('an etag of another state', '412 NoEtagMatch', staleEtag(subject))] : []),
    ...(takes.includes('opc-retry-token')
      ? [row('a retry token of another request', '409 InvalidatedRetryToken', usedToken(subject))]
      : []),
    ...(subject.refusedByReplica === true
      ? [
          row(
            'a replica',
            '409 Conflict',
            call((stage) => stage.replica),
          ),
        ]
      : []),
    ...(subject.homeRegionOnly === true
      ? [
          row(
            'another region than the home region',
            '403 NotAllowed',
            call(({ ready: target, oci }) => ({ ...target, region: oci.other })),
          ),
        ]
      : []),
    ...(subject.needsActiveVault === true
      ? [
          row(
            'a vault that is to be deleted',
            '409 IncorrectState',
            call((stage) => stage.doomed),
          ),
        ]
      : []),
    ...(body === undefined ? [] : bodyRows(operation, subject, body, row)),
  ]
}

type MakeRow = (tried: string, expected: string, prepare: Row['prepare']) => Row

function bodyRows(
  operation: OperationName,
  { required = [] }: Subject,
  body: NonNullable<Subject['body']>,
  row: MakeRow,
): readonly Row[] {
  const send = (text: (stage: Stage) => string) => (stage: Stage) => () =>
    sendTo(stage.administrator, operation, stage.ready, text(stage))
  // The members' names are the same for every target.
  const members = Object.keys(body(nothingInIt))
  const but = (stage: Stage, member: string, value: unknown) =>
    JSON.stringify({ ...body(stage.ready), [member]: value })
  return [
    row(
      'a body that is no JSON',
      '400 CannotParseRequest',
      send(() => '{'),
    ),
    row(
      'a body that is no object',
      '400 InvalidParameter',
      send(() => '[1]'),
    ),
    ...required.map((member) =>
      row(
        `no ${member}`,
        '400 MissingParameter',
        send((stage) => but(stage, member, undefined)),
      ),
    ),
    ...members.map((member) =>
      row(
        `a ${member} of the wrong type`,
        '400 InvalidParameter',
        send((stage) => but(stage, member, [7])),
      ),
    ),
  ]
}

/** The region's endpoint in place of the vault's and the other way round. */
function elsewhere(target: Target): Target {
  const { vault, region } = target
  return {
    ...target,
    region: vault.managementEndpoint,
    vault: { ...vault, managementEndpoint: region, cryptoEndpoint: region },
  }
}

function staleEtag(subject: Subject): Row['prepare'] {
  return async (stage) => {
    const target = await freshOf(stage, subject)
    return () => subject.call(stage.administrator, target, { ifMatch: '0'.repeat(40) })
  }
}

/** The token's first request succeeds; the one that is refused names another resource, or another name. */
function usedToken(subject: Subject): Row['prepare'] {
  return async (stage) => {
    const opcRetryToken = `token-${Math.random()}`
    await subject.call(stage.administrator, await freshOf(stage, subject), { opcRetryToken })
    const other = await freshOf(stage, subject)
    return () => subject.call(stage.administrator, other, { opcRetryToken })
  }
}

async function freshOf(stage: Stage, { fresh }: Subject): Promise<Target> {
  return fresh === undefined ? stage.ready : fresh(stage)
}
