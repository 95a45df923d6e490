import type { SeededRandom } from '../simulation/seededRandom.ts'
import type { Original, Sent } from './signedForm.ts'

/** One to three changes of a request: most of what it says, some only of how. `other` lends pieces that somebody did sign. */
export function mutated(random: SeededRandom, original: Original, other: Original): { sent: Sent; changes: string[] } {
  const changes: string[] = []
  let sent: Sent = original
  for (let left = 1 + random.below(3); left > 0; left -= 1) {
    const [name, mutation] = random.pick(mutations)
    changes.push(name)
    sent = mutation(random, sent, other)
  }
  return { sent, changes }
}

type Mutation = (random: SeededRandom, sent: Sent, other: Original) => Sent

const odd = [
  '',
  ' ',
  '\t',
  '\r\n',
  '\0',
  '"',
  ',',
  '=',
  '%00',
  '%2F',
  '..',
  '/',
  '?',
  '&',
  '#',
  'é',
  '\u212a',
  '__proto__',
]
const names = ['host', 'date', 'x-date', 'content-length', 'content-type', 'x-content-sha256', 'authorization']
const strangers = [
  'x-more',
  'constructor',
  '__proto__',
  'toString',
  'opc-obo-token',
  'x-forwarded-host',
  'transfer-encoding',
]
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'get', 'TRACE']

const withHeader = (sent: Sent, name: string, value: string | undefined): Sent => {
  const headers = Object.fromEntries(Object.entries(sent.headers).filter(([each]) => each !== name))
  return { ...sent, headers: value === undefined ? headers : { ...headers, ...named(name, value) } }
}
/** Also for the name of every object's prototype. */
const named = (name: string, value: string): Record<string, string> => Object.fromEntries([[name, value]])

/** Some place of a text changed, taken out, or with something put in. */
function edited(random: SeededRandom, text: string): string {
  const at = random.below(text.length + 1)
  const with_ = random.pick([random.pick(odd), String.fromCharCode(random.below(128)), text.slice(at, at + 3)])
  return text.slice(0, at) + with_ + text.slice(at + random.below(3))
}

const parameter = (change: (random: SeededRandom, name: string, value: string) => string): Mutation => {
  return (random, sent) => {
    const text = sent.headers['authorization'] ?? ''
    const all = [...text.matchAll(/(\w+)="([^"]*)"/g)]
    if (all.length === 0) return sent
    const [whole = '', name = '', value = ''] = random.pick(all)
    return withHeader(
      sent,
      'authorization',
      text.replace(whole, () => change(random, name, value)),
    )
  }
}

const authorization = (change: (random: SeededRandom, text: string) => string): Mutation => {
  return (random, sent) => withHeader(sent, 'authorization', change(random, sent.headers['authorization'] ?? ''))
}

const body = (change: (random: SeededRandom, bytes: Buffer) => Buffer): Mutation => {
  return (random, sent) => ({ ...sent, body: change(random, Buffer.from(sent.body)) })
}

const flipped = (random: SeededRandom, bytes: Buffer): Buffer => {
  if (bytes.length === 0) return Buffer.from([random.below(256)])
  const at = random.below(bytes.length)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
  return bytes
}

const shuffled = (random: SeededRandom, list: readonly string[]): string[] =>
  list
    .map((each) => ({ each, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ each }) => each)

const mutations: readonly (readonly [string, Mutation])[] = [
  ['another method', (random, sent) => ({ ...sent, method: random.pick(methods) })],
  ['an edited path', (random, sent) => ({ ...sent, path: edited(random, sent.path) })],
  ['slashes before the path', (random, sent) => ({ ...sent, path: '/'.repeat(random.below(3)) + sent.path })],
  ['an edited query', (random, sent) => ({ ...sent, query: edited(random, sent.query) })],
  ["another's path", (_random, sent, other) => ({ ...sent, path: other.path })],
  ["another's query", (_random, sent, other) => ({ ...sent, query: other.query })],
  ['a flipped bit in the body', body(flipped)],
  ['a longer body', body((random, bytes) => Buffer.concat([bytes, random.bytes(1 + random.below(4))]))],
  ['a shorter body', body((random, bytes) => bytes.subarray(0, random.below(bytes.length + 1)))],
  ["another's body", (_random, sent, other) => ({ ...sent, body: other.body })],
  [
    'a body that is too large',
    (random, sent) => (random.chance(0.02) ? { ...sent, body: Buffer.alloc(70_000, 32) } : sent),
  ],
  ['no header of a name', (random, sent) => withHeader(sent, random.pick(names), undefined)],
  [
    'an edited header',
    (random, sent) => {
      const name = random.pick(names)
      return withHeader(sent, name, edited(random, sent.headers[name] ?? ''))
    },
  ],
  [
    "another's header",
    (random, sent, other) => {
      const name = random.pick(names)
      return withHeader(sent, name, other.headers[name])
    },
  ],
  [
    'a header twice',
    (random, sent) => {
      const name = random.pick(names)
      const value = sent.headers[name] ?? ''
      return withHeader(sent, name, `${value}, ${value}`)
    },
  ],
  ['a header that nobody signed', (random, sent) => withHeader(sent, random.pick(strangers), edited(random, 'more'))],
  [
    'another date beside',
    (random, sent) => {
      const date = new Date(Date.parse('2026-03-05T12:00:00Z') + random.below(1e9)).toUTCString()
      return withHeader(sent, random.pick(['date', 'x-date']), date)
    },
  ],
  ['an edited parameter', parameter((random, name, value) => `${name}="${edited(random, value)}"`)],
  ['a parameter in other case', parameter((_random, name, value) => `${name.toUpperCase()}="${value}"`)],
  ['a value in other case', parameter((_random, name, value) => `${name}="${value.toUpperCase()}"`)],
  ['a parameter without quotes', parameter((_random, name, value) => `${name}=${value}`)],
  ['a parameter twice', parameter((_random, name, value) => `${name}="${value}",${name}="${value}"`)],
  ['an empty parameter', parameter((_random, name) => `${name}=""`)],
  ['no parameter of a name', parameter(() => 'x="y"')],
  [
    'another algorithm',
    authorization((random, text) =>
      text.replace('rsa-sha256', () =>
        random.pick(['RSA-SHA256', 'rsa-sha1', 'hmac-sha256', 'none', 'rsa-sha512', '']),
      ),
    ),
  ],
  [
    'signed names in another order',
    parameter((random, name, value) =>
      name === 'headers' ? `headers="${shuffled(random, value.split(' ')).join(' ')}"` : `${name}="${value}"`,
    ),
  ],
  [
    'one signed name fewer',
    parameter((random, name, value) => {
      const list = value.split(' ')
      list.splice(random.below(list.length), 1)
      return name === 'headers' ? `headers="${list.join(' ')}"` : `${name}="${value}"`
    }),
  ],
  [
    'one signed name more',
    parameter((random, name, value) =>
      name === 'headers' ? `headers="${value} ${random.pick([...names, ...strangers])}"` : `${name}="${value}"`,
    ),
  ],
  [
    'parameters in another order',
    authorization((random, text) => {
      const [scheme = '', rest = ''] = text.split(/ (.*)/s)
      return `${scheme} ${shuffled(random, rest.split(',')).join(random.pick([',', ', ', ',\t', ' , ']))}`
    }),
  ],
  [
    'another parameter',
    authorization((random, text) => `${text},${edited(random, 'more')}="${edited(random, 'more')}"`),
  ],
  [
    'another scheme',
    authorization((random, text) =>
      text.replace('Signature', () => random.pick(['signature', 'SIGNATURE', 'Bearer', 'Basic', 'Signature  ', ''])),
    ),
  ],
  ['an edited Authorization', authorization(edited)],
  ['a long Authorization', authorization((random, text) => `${text},more="${'x'.repeat(random.below(9000))}"`)],
  ["another's signature", (_random, sent, other) => replaced(sent, 'signature', other.signature)],
  ["another's keyId", (_random, sent, other) => replaced(sent, 'keyId', other.keyId)],
  [
    'a signature of other base64',
    (random, sent) => {
      const text = valueOf(sent, 'signature')
      return replaced(
        sent,
        'signature',
        random.pick([
          text.replaceAll('+', '-').replaceAll('/', '_'),
          text.replace(/=+$/, ''),
          `${text}=`,
          `${text}AAAA`,
          text.slice(4),
        ]),
      )
    },
  ],
]

const pattern = (name: string) => new RegExp(`(\\b${name}=")([^"]*)(")`, 'i')

function valueOf(sent: Sent, name: string): string {
  return pattern(name).exec(sent.headers['authorization'] ?? '')?.[2] ?? ''
}

function replaced(sent: Sent, name: string, value: string): Sent {
  const text = (sent.headers['authorization'] ?? '').replace(
    pattern(name),
    (_all, before: string, _old, after: string) => before + value + after,
  )
  return withHeader(sent, 'authorization', text)
}
