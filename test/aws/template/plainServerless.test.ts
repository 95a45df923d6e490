import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { bundles } from '../../../deploy/bundles.ts'

const serverless = createRequire(import.meta.url).resolve('serverless/bin/serverless.js')

/** A clone after `npm ci`: nothing is built in it. */
let clone: string
beforeAll(async () => {
  clone = await mkdtemp(join(tmpdir(), 'vaultspan-clone-'))
  for (const each of ['deploy', 'handlers', 'lib', 'package.json', 'serverless.yml', 'tsconfig.json']) {
    await cp(each, join(clone, each), { recursive: true })
  }
  await symlink(resolve('node_modules'), join(clone, 'node_modules'), 'junction')
})
afterAll(() => rm(clone, { recursive: true, force: true }))

/** `serverless …`, where no AWS answers. */
function run(...args: readonly string[]): Promise<{ code: number; output: string }> {
  const { AWS_PROFILE: _, ...inherited } = process.env
  const env = {
    ...inherited,
    AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
    AWS_ACCESS_KEY_ID: 'x',
    AWS_SECRET_ACCESS_KEY: 'x',
  }
  return new Promise((done) => {
    execFile(process.execPath, [serverless, ...args], { cwd: clone, env }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr })
    })
  })
}

test('serverless print shows the service without a parameter', async () => {
  const { code, output } = await run('print')
  expect(output).toContain('handler: handlers/crypto/index.handler')
  expect(output).toContain('prefix: vaultspan-dev')
  expect(code).toBe(0)
})

test('serverless package builds what it packages, on a fresh clone', async () => {
  expect(await run('package', '--stage', 'prod')).toMatchObject({ code: 0 })
  expect(await readdir(join(clone, '.build'))).toEqual(expect.arrayContaining(bundles.map((name) => `${name}.zip`)))
  const file = join(clone, '.serverless', 'cloudformation-template-update-stack.json')
  expect(await readFile(file, 'utf8')).toContain('vaultspan-prod-crypto')
})

test.each([
  ['without its parameters', [], 'also wants --stage prod --param regions=us-east-1,us-west-2 --param domain=D'],
  ['for a region that is not of the deployment', ['--region', 'eu-west-1'], 'Region eu-west-1 is not among'],
])('serverless deploy %s is refused before AWS is asked', async (_what, options, reason) => {
  const { code, output } = await run('deploy', ...options)
  expect(output).toContain(reason)
  expect(code).toBe(1)
})
