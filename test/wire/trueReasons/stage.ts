import type { ReasonName } from '../../../lib/refusalReasons.ts'
import type { Answered } from '../../harness/signedCall.ts'
import { twoRegions, type TestCloud } from '../../harness/twoRegions.ts'

/** Which of these suites drives which kind: one without a suite does not compile. */
const suites = {
  noAuthorization: 'authentication',
  authorizationMalformed: 'authentication',
  algorithmUnknown: 'authentication',
  headersNotSigned: 'authentication',
  headersListUnreadable: 'authentication',
  signedHeaderMissing: 'authentication',
  signedHeaderUnprintable: 'authentication',
  dateUnreadable: 'authentication',
  bodyLengthDiffers: 'authentication',
  bodyHashDiffers: 'authentication',
  signatureMalformed: 'authentication',
  keyIdMalformed: 'authentication',
  noSuchTenancy: 'authentication',
  noSuchApiKey: 'authentication',
  apiKeyUnfit: 'authentication',
  signatureDiffers: 'authentication',
  dateOff: 'authentication',
  instancePrincipal: 'sessions',
  sessionNotOurs: 'sessions',
  sessionEnded: 'sessions',
  sessionNotBegun: 'sessions',
  sessionHolderGone: 'sessions',
  sessionIssuerGone: 'sessions',
  noOidcToken: 'sessions',
  issuerNotTrusted: 'sessions',
  oidcTokenNotSigned: 'sessions',
  oidcTokenRefused: 'sessions',
  oidcRuleFalse: 'sessions',
  oidcTokenTooLarge: 'sessions',
  sessionOnOwnKeys: 'sessions',
  notGranted: 'resources',
  grantedNowhere: 'resources',
  serviceNotGranted: 'resources',
  noSuchCompartment: 'resources',
  noSuchPolicy: 'resources',
  noSuchIdentity: 'resources',
  noSuchVault: 'resources',
  vaultOfAnotherTenancy: 'resources',
  vaultDeleted: 'resources',
  noSuchKey: 'resources',
  keyOfAnotherVault: 'resources',
  keyDeleted: 'resources',
  noSuchKeyVersion: 'resources',
  keyVersionDeleted: 'resources',
  noSuchReplication: 'resources',
  noReplica: 'resources',
  notAcknowledged: 'resources',
  // Whose resource is gone is refused before, as InvalidatedRetryToken.
  earlierResultGone: 'nowhere',
  hostNotOurs: 'gateway',
  ciphertextOfNoVersion: 'resources',
  ciphertextDiffers: 'resources',
} as const satisfies Record<ReasonName, 'authentication' | 'sessions' | 'resources' | 'gateway' | 'nowhere'>

export interface Case {
  readonly name: ReasonName
  readonly call: () => Promise<Answered>
  /** What the line says beside the kind. */
  readonly why: string
}

/** A cloud whose log is read. */
export interface Stage {
  readonly cloud: TestCloud
  readonly lines: string[]
  /** Runs a call that is refused; resolves with the one line that it wrote. */
  lineOf(call: () => Promise<Answered>): Promise<{ line: Record<string, unknown>; answer: Answered }>
  expectReason(refused: Case): Promise<Answered>
  /** Whether every kind of a suite has been driven. */
  expectAll(suite: (typeof suites)[ReasonName]): void
}

export async function openStage(): Promise<Stage> {
  const lines: string[] = []
  const driven = new Set<string>()
  const cloud = await twoRegions({ logLevel: 'info', writeLog: (line) => lines.push(line) })
  const lineOf: Stage['lineOf'] = async (call) => {
    lines.length = 0
    const answer = await call()
    const seen = lines.map((text) => JSON.parse(text) as Record<string, unknown>).filter((each) => 'status' in each)
    const [line = {}, ...others] = seen
    expect(others).toEqual([])
    expect(line).toMatchObject({ level: 'warn', region: 'us-ashburn-1', status: answer.status })
    expect(line['requestId']).toBe(answer.headers['opc-request-id'])
    return { line, answer }
  }
  return {
    cloud,
    lines,
    lineOf,
    expectReason: async ({ name, call, why }) => {
      const { line, answer } = await lineOf(call)
      expect(line).toMatchObject({ reason: name, why: expect.stringContaining(why) as string })
      driven.add(name)
      return answer
    },
    expectAll: (suite) => {
      const own = Object.entries(suites).flatMap(([name, of]) => (of === suite ? [name] : []))
      expect([...driven].filter((name) => suites[name as ReasonName] === suite).toSorted()).toEqual(own.toSorted())
    },
  }
}

/** All of an answer but the id that every answer has of its own. */
export function withoutId({ status, text, headers }: Answered): object {
  const { 'opc-request-id': _, ...others } = headers
  return { status, text, headers: others }
}
