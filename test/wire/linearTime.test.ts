import * as v from 'valibot'
import { isDay, parseInstant } from '../../lib/calendar.ts'
import { canonicalJson } from '../../lib/canonicalJson.ts'
import { recipientKey } from '../../lib/hsm/formats/recipientKey.ts'
import {
  base64,
  definedTags,
  displayName,
  freeformTags,
  ocid,
  stringMap,
  timestamp,
  wholeNumber,
} from '../../lib/http/fields.ts'
import { parseBody } from '../../lib/http/parseInput.ts'
import { answerRequestId } from '../../lib/http/requestId.ts'
import { matchRoute } from '../../lib/http/routes.ts'
import { parseQuery } from '../../lib/http/wireRequest.ts'
import { parseAuthorizationHeader } from '../../lib/iam/signature/authorizationHeader.ts'
import { readApiPublicKey } from '../../lib/iam/signature/fingerprint.ts'
import { parseHttpDate } from '../../lib/iam/signature/httpDate.ts'
import { parseKeyId } from '../../lib/iam/signature/keyId.ts'
import { parseStatement } from '../../lib/iam/parseStatement.ts'
import { readSignedHeaders } from '../../lib/iam/signature/signedHeaders.ts'
import { signedTargets } from '../../lib/iam/signature/signedTargets.ts'
import { compileTimeTest } from '../../lib/iam/timeTest.ts'
import { wildcard } from '../../lib/iam/wildcard.ts'
import { parseBackup } from '../../lib/kms/backup/backupDocument.ts'
import { requireMatch } from '../../lib/kms/ifMatch.ts'
import { materialIdOf, parseOcid, vaultPrefixOf } from '../../lib/ocid.ts'
import { encodeWrites } from '../../lib/store/encodeWrites.ts'
import { ownHosts } from '../../local/gateway/ownHosts.ts'

/**
 * Everything that looks at bytes which a caller chose: the time grows with their number and no faster. A ratio, because
 * how fast a machine is says nothing: eight times the length may take eight times the time, and a square would take 64. Of
 * processor time, and what is over it is measured again: a square is over it each time, whoever else has the machine.
 */

const lengths = [125, 1_000, 8_000]
/** Between the line's 8 and the square's 64; below a tenth of a millisecond a clock shows nothing. */
const most = 24
const floorMs = 0.1
const maxLooks = 5

const tries = [
  'a',
  ' ',
  '\u00a0',
  '\t',
  '"',
  "'",
  '\\',
  '/',
  '*',
  ',',
  ':',
  '.',
  '=',
  '-',
  '0',
  'A',
  '%',
  '%41',
  '[',
  '{',
  '{"a":',
  '\n',
  '\ud83d\udd11',
  'W/',
  '--gzip',
  'a=',
  'a="',
  'a="b",',
  'a, ',
  'ocid1.',
  '.a',
  '\\ud',
  '-----BEGIN PUBLIC KEY-----',
]
const ends = ['', 'x', '"', '"x"x', '!', '\n', '=']

const request = (body: string) => ({
  method: 'POST',
  rawPath: '/',
  rawQuery: '',
  headers: {},
  body: Buffer.from(body),
  sourceIp: '',
  listenerPort: undefined,
})
const field = (schema: v.GenericSchema) => (text: string) => v.safeParse(schema, text)
const mapField = (schema: v.GenericSchema) => (text: string) =>
  v.safeParse(schema, { [text]: text, b: { [text]: text } })
const mutation = {
  audit: () => {
    throw new Error('not here')
  },
}
const time = (text: string) => compileTimeTest({ kind: 'before', variable: 'request.utc-timestamp', text })
const isOwnHost = ownHosts('127.0.0.1', ['a.example.com'])

/** What reads a text of a caller's. Refusing it is as good as taking it. */
const readers: Readonly<Record<string, (text: string) => unknown>> = {
  'if-match': (text) => {
    requireMatch({ ...mutation, ifMatch: text }, 'etag')
  },
  'if-match in quotes': (text) => {
    requireMatch({ ...mutation, ifMatch: `"${text}"x` }, 'etag')
  },
  authorization: (text) => parseAuthorizationHeader(text),
  'authorization after its scheme': (text) => parseAuthorizationHeader(`Signature ${text}`),
  'authorization within a value': (text) => parseAuthorizationHeader(`Signature keyId="${text}`),
  'the list of signed headers': (text) => readSignedHeaders(text),
  'a key id': (text) => parseKeyId(`ocid1.tenancy.${text}/ocid1.user.${text}/`),
  'a signed date': (text) => parseHttpDate(text),
  'a request id': (text) => answerRequestId((length) => Buffer.alloc(length), text),
  'a host': (text) => [isOwnHost(text, 80), isOwnHost(`[${text}]:80`, 80), isOwnHost(`a:${text}`, 80)],
  'a path': (text) => matchRoute('GET', `/${text}`),
  'a path below a route': (text) => matchRoute('GET', `/20180608/keys/${text}`),
  'a query': (text) => parseQuery(text),
  'a target': (text) => signedTargets(text, text),
  'a body': (text) => parseBody(request(text)),
  'names in a body': (text) => parseBody(request(JSON.stringify({ [text]: { [text]: [{ [text]: 1 }] } }))),
  'many names in a body': (text) =>
    parseBody(request(`{${Array.from({ length: text.length / 20 }, (_, index) => `"\\u0061${index}":{}`).join(',')}}`)),
  'a text in a body': (text) => parseBody(request(JSON.stringify({ a: text, b: '\ud800' }))),
  'an OCID': (text) => parseOcid(`ocid1.key.oc1.${text}`, 'keyId'),
  'a version’s OCID': (text) => [materialIdOf(`ocid1.keyversion.oc1.iad.${text}`), vaultPrefixOf(text)],
  'an OCID’s field': field(ocid),
  'a name': field(displayName),
  'a time': (text) => [field(timestamp)(text), parseInstant(`2026-01-01T00:00:00.${text}`), isDay(`2026-01-0${text}`)],
  'a number': field(wholeNumber),
  base64: field(base64(4096)),
  'free-form tags': mapField(freeformTags),
  'defined tags': mapField(definedTags),
  'associated data': mapField(stringMap),
  'canonical JSON': (text) => canonicalJson({ [text]: text }),
  'a policy statement': (text) => parseStatement(text),
  'a statement’s subject': (text) => parseStatement(`Allow group ${text} to manage keys in tenancy`),
  'a statement’s condition': (text) => parseStatement(`Allow any-user to manage keys in tenancy where ${text}`),
  'a statement’s value': (text) =>
    parseStatement(`Allow any-user to manage keys in tenancy where request.user.name = ${text}`),
  'a condition’s time': time,
  'a wildcard': (text) => wildcard(`*${text}*b`)(text),
  'an API key': (text) => readApiPublicKey(text),
  'a public key for an export': (text) => recipientKey(`-----BEGIN PUBLIC KEY-----${text}`),
  'a backup': (text) => parseBackup('vaultspan/key-backup/1', text),
  'what is stored': (text) => encodeWrites([{ op: 'put', table: 'Keys', item: { pk: 'a', sk: 'b', text } }], undefined),
}

/** Of this thread, so that nobody else's work counts. */
function processorMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

function fastest(read: (text: string) => unknown, text: string): number {
  let best = Infinity
  for (let run = 0; run < 5; run += 1) {
    const start = processorMs()
    try {
      read(text)
    } catch {
      // A refusal.
    }
    best = Math.min(best, processorMs() - start)
  }
  return best
}

/** A text of so many characters at least, of one thing again and again. */
const repeated = (unit: string, length: number, end: string) => unit.repeat(Math.ceil(length / unit.length)) + end

/** The first length at which a text takes more than its share; a longer one could take for ever. */
function tooSlowAt(read: (text: string) => unknown, unit: string, end: string): number | undefined {
  const taken = (length: number) => fastest(read, repeated(unit, length, end))
  let before = { length: 0, ms: Infinity }
  for (const length of lengths) {
    const now = { length, ms: taken(length) }
    for (let looks = 1; now.ms > most * Math.max(floorMs, before.ms); looks += 1) {
      if (looks === maxLooks) return length
      before = { ...before, ms: taken(before.length) }
      now.ms = taken(length)
    }
    before = now
  }
  return undefined
}

test.each(Object.entries(readers))('%s is read in linear time', (_, read) => {
  const slow = tries.flatMap((unit) =>
    ends.flatMap((end) => {
      const length = tooSlowAt(read, unit, end)
      return length === undefined ? [] : [`${length} characters of ${JSON.stringify(unit)} … ${JSON.stringify(end)}`]
    }),
  )
  expect(slow).toEqual([])
})
