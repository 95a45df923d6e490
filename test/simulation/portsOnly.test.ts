import { ESLint, Linter } from 'eslint'
import { join } from 'node:path'

/** A seed decides everything only where nothing but ports gives time, randomness and waiting. */

const root = join(import.meta.dirname, '..', '..')
const rules = ['no-restricted-globals', 'no-restricted-properties', 'no-restricted-syntax']

/** What the repository's own configuration says of a file that is not there, by those rules alone. */
async function complaints(file: string, text: string): Promise<readonly string[]> {
  const config = (await new ESLint({ cwd: root }).calculateConfigForFile(join(root, file))) as Linter.Config
  const own = Object.fromEntries(Object.entries(config.rules ?? {}).filter(([name]) => rules.includes(name)))
  const parser = config.languageOptions?.['parser'] as Linter.Parser
  const messages = new Linter().verify(text, { files: ['**'], languageOptions: { parser }, rules: own }, file)
  return messages.map(({ ruleId, message }) => ruleId ?? message)
}

const rooms = [
  'lib/kms',
  'lib/kms/keys',
  'lib/replication',
  'lib/replication/link',
  'lib/iam',
  'lib/http',
  'handlers',
  'handlers/keys',
]

test.each(rooms)('%s may not ask the machine for the time', async (room) => {
  expect(await complaints(`${room}/any.ts`, 'export const now = Date.now()')).toHaveLength(1)
  expect(await complaints(`${room}/any.ts`, 'export const now = ports.clock()')).toEqual([])
})

test.each([
  'Date.now()',
  'new Date()',
  'Date()',
  'performance.now()',
  'process.hrtime.bigint()',
  'process.uptime()',
  'Math.random()',
  'crypto.randomUUID()',
  'crypto.getRandomValues(bytes)',
  'globalThis.crypto',
  'globalThis.setTimeout(work, 1)',
  'setTimeout(work, 1)',
  'setInterval(work, 1)',
  'setImmediate(work)',
  'AbortSignal.timeout(1)',
])('%s comes from no port', async (text) => {
  expect(await complaints('lib/kms/any.ts', `export const value = ${text}`)).not.toEqual([])
})

test.each([
  "import { randomBytes } from 'node:crypto'",
  "import { generateKeyPairSync } from 'node:crypto'",
  "import * as crypto from 'node:crypto'",
  "import crypto from 'node:crypto'",
  "import { setTimeout } from 'node:timers/promises'",
  "import { performance } from 'node:perf_hooks'",
])('%s comes from no port', async (text) => {
  expect(await complaints('lib/replication/any.ts', text)).not.toEqual([])
})

test('a time that was given and a digest are no secrets of the machine', async () => {
  const text = "import { hash } from 'node:crypto'\nexport const value = [new Date(now), hash('sha256', text)]"
  expect(await complaints('lib/replication/any.ts', text)).toEqual([])
})
