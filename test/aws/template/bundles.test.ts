import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildBundles, type Built } from '../../../deploy/build.ts'
import { bundledModule, bundles, maxBundleBytes, type Bundle } from '../../../deploy/bundles.ts'
import { environment, loadBundle, type Variable } from './loadedBundle.ts'

let directory: string
let built: readonly Built[]
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vaultspan-bundles-'))
  built = await buildBundles(directory)
})
afterAll(() => rm(directory, { recursive: true, force: true }))

test.each(bundles)('%s is small and needs nothing but Node and the runtime’s AWS clients', (name) => {
  const { bytes = 0, imports = [] } = built.find(({ bundle }) => bundle === name) ?? {}
  expect(bytes).toBeGreaterThan(0)
  expect(bytes).toBeLessThanOrEqual(maxBundleBytes)
  const clients = ['dynamodb', 'sqs', 'kms', 's3'].map((client) => `@aws-sdk/client-${client}`)
  expect(imports.filter((each) => !isBuiltin(each)).sort()).toEqual(clients.sort())
  // What only other hosts need.
  expect(imports).not.toContain('node:sqlite')
})

test('a library that one function calls is in its bundle and in no other', async () => {
  const codes = await Promise.all(bundles.map((bundle) => readFile(join(directory, bundledModule(bundle)), 'utf8')))
  const withText = (text: string) => bundles.filter((_, index) => codes[index]?.includes(text) === true)
  expect(withText('ERR_JWKS_NO_MATCHING_KEY')).toEqual(['identity'])
  expect(withText('6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296')).toEqual(['crypto'])
})

test.each(bundles)('%s loads no AWS client but DynamoDB’s before it is called', async (name) => {
  expect((await loadBundle(join(directory, bundledModule(name)))).clients).toEqual(['client-dynamodb'])
})

const needed = (bundle: Bundle) =>
  (Object.keys(environment) as Variable[]).filter((name) => name !== 'HSM_STATE_KEY' || bundle === 'provision')

test.each(bundles)('%s fails at start where a variable is missing, and names it', async (name) => {
  const { without } = await loadBundle(join(directory, bundledModule(name)))
  for (const variable of needed(name))
    expect(without[variable]).toBe(`The environment variable ${variable} is missing.`)
  for (const variable of Object.keys(environment) as Variable[])
    if (!needed(name).includes(variable)) expect(without[variable]).toBeNull()
})

test('the same sources give the same bundles, so that a deployment without a change changes nothing', async () => {
  const zips = () => Promise.all(bundles.map((bundle) => readFile(join(directory, `${bundle}.zip`), 'base64')))
  const before = await zips()
  await buildBundles(directory)
  expect(await zips()).toEqual(before)
})
