import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildBundles, type Built } from '../../../deploy/build.ts'
import { bundles, maxBundleBytes } from '../../../deploy/bundles.ts'

let directory: string
let built: readonly Built[]
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vaultspan-bundles-'))
  built = await buildBundles(directory)
}, 60_000)
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

test('a function that starts does not load S3’s client; it is asked for when a backup is made or restored', async () => {
  for (const name of ['vault', 'keys']) {
    const code = await readFile(join(directory, 'handlers', name, 'index.mjs'), 'utf8')
    expect(code).toContain('import("@aws-sdk/client-s3")')
    expect(code).not.toMatch(/(from|import) ?"@aws-sdk\/client-s3"/)
  }
})

test('the same sources give the same bundles, so that a deployment without a change changes nothing', async () => {
  const zips = () => Promise.all(bundles.map((bundle) => readFile(join(directory, `${bundle}.zip`), 'base64')))
  const before = await zips()
  await buildBundles(directory)
  expect(await zips()).toEqual(before)
})
