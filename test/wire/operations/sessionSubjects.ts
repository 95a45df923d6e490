import { oidcIssuer } from '../../harness/oidcIssuer.ts'
import { newPublicKey, newTrustedIssuer } from './people.ts'
import { sendTo } from './sendTo.ts'
import { named, type Stage, type Target } from './stage.ts'
import { listed, someText, type Subject } from './subject.ts'

const { issuer, audience, jwks } = oidcIssuer()
const facts = { issuer, audience, jwks, matchingRule: "request.principal.sub = '*'" }
const publicKey = newPublicKey()
const sessionAnswer = { token: someText, timeExpires: someText, principalId: someText }
const retryToken = (opcRetryToken: string | undefined) =>
  opcRetryToken === undefined ? {} : { 'opc-retry-token': opcRetryToken }
const match = (ifMatch: string | undefined) => (ifMatch === undefined ? {} : { 'if-match': ifMatch })

/** Operations of ours alone, which no client has. */
export const sessionSubjects = {
  ExplainPolicy: {
    call: (who, target) => {
      const { userId, keyId } = target
      return sendTo(who, 'ExplainPolicy', target, undefined, `?userId=${userId}&operation=Encrypt&keyId=${keyId}`)
    },
    answers: { operation: 'Encrypt', isAllowed: false, permissions: [{ permission: 'KEY_ENCRYPT', grantedBy: [] }] },
    about: 'user',
  },
  ListTrustedIssuers: {
    call: async (who, target) => {
      const query = `?compartmentId=${target.compartmentId}`
      return { items: await sendTo(who, 'ListTrustedIssuers', target, undefined, query) }
    },
    answers: { items: listed({ lifecycleState: 'ACTIVE', issuer }) },
    about: 'compartment',
  },
  CreateTrustedIssuer: {
    call: (who, target, { opcRetryToken }) => {
      const { compartmentId, name } = target
      const body = JSON.stringify({ compartmentId, name, description: 'd', ...facts })
      return sendTo(who, 'CreateTrustedIssuer', target, body, '', retryToken(opcRetryToken))
    },
    fresh: named,
    answers: { lifecycleState: 'ACTIVE', issuer, audience, jwksUri: null },
    about: 'compartment',
    takes: ['opc-retry-token'],
    body: ({ compartmentId }) => ({
      compartmentId,
      name: 'n',
      description: 'd',
      ...facts,
      jwksUri: null,
      freeformTags: {},
      definedTags: {},
    }),
    required: ['compartmentId', 'name', 'description', 'issuer', 'audience', 'matchingRule'],
    homeRegionOnly: true,
  },
  GetTrustedIssuer: {
    call: (who, target) => sendTo(who, 'GetTrustedIssuer', target),
    answers: { lifecycleState: 'ACTIVE', issuer },
    about: 'group',
  },
  DeleteTrustedIssuer: {
    call: async (who, target, { ifMatch }) => ({
      answer: await sendTo(who, 'DeleteTrustedIssuer', target, undefined, '', match(ifMatch)),
    }),
    fresh: freshTrustedIssuer,
    answers: {},
    about: 'group',
    takes: ['if-match'],
    homeRegionOnly: true,
  },
  CreateSessionToken: {
    call: (who, target) => sendTo(who, 'CreateSessionToken', target, JSON.stringify({ publicKey })),
    answers: sessionAnswer,
    about: 'none',
    body: () => ({ publicKey, lifetimeInSeconds: 60 }),
    required: ['publicKey'],
  },
  ExchangeToken: {
    call: (who, target) => sendTo(who, 'ExchangeToken', target, JSON.stringify({ publicKey })),
    answers: sessionAnswer,
    about: 'tenancy',
    body: () => ({ publicKey, lifetimeInSeconds: 60 }),
    required: ['publicKey'],
  },
} as const satisfies Record<string, Subject>

async function freshTrustedIssuer({ oci, ready }: Stage): Promise<Target> {
  return { ...ready, ...(await newTrustedIssuer(oci)) }
}
