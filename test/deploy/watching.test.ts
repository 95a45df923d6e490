import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { readOpenMetrics } from '../harness/openMetrics.ts'
import { withDirectory } from '../local/startedService.ts'

/** The dashboard and the alerts ask for nothing that /metrics does not give, and Prometheus's own tools take all of it. */

const root = join(import.meta.dirname, '..', '..')
const prometheus = join(root, 'deploy', 'prometheus')
const rules = readFileSync(join(prometheus, 'rules.yml'), 'utf8')
const dashboard = JSON.parse(readFileSync(join(root, 'deploy', 'grafana', 'vaultspan.json'), 'utf8')) as {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[]
}
const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))

let cloud: Cloud
let text: string
beforeAll(async () => {
  cloud = await startCloud({ directory: ':memory:', port: 0, settings: { preparesKeys: false } })
  const endpoint = cloud.regions[0]?.endpoint ?? ''
  await fetch(`${endpoint}/20180608/vaults`)
  text = await (await fetch(`${endpoint}/metrics`)).text()
})
afterAll(() => cloud.close())

/** As a query names them: a histogram's buckets, a counter's total. */
function given(): ReadonlySet<string> {
  const families = [...readOpenMetrics(text)]
  return new Set(
    families.flatMap(([name, { type }]) => {
      if (type === 'histogram') return [`${name}_bucket`, `${name}_sum`, `${name}_count`]
      return type === 'counter' ? [`${name}_total`] : [name]
    }),
  )
}

const namesIn = (query: string) => new Set(query.match(/\bvaultspan_\w+/g))

test('every metric that an alert or a panel names is given', () => {
  const names = given()
  for (const query of [rules, readFileSync(join(prometheus, 'rules.test.yml'), 'utf8'), ...expressions]) {
    for (const name of namesIn(query)) expect([query, name, names.has(name)]).toEqual([query, name, true])
  }
})

test('every metric is shown by a panel or judged by an alert', () => {
  const asked = namesIn([rules, ...expressions].join(' '))
  const shown = (name: string) => asked.has(name) || /_(sum|count)$/.test(name)
  expect([...given()].filter((name) => !shown(name))).toEqual([])
})

test('every alert leads to a section of the documents that is there', () => {
  const links = [...rules.matchAll(/runbook: (docs\/\w+\.md)#(\S+)/g)]
  expect(links).toHaveLength(rules.match(/- alert:/g)?.length ?? 0)
  for (const [, file = '', anchor] of links) {
    const heads = readFileSync(join(root, file), 'utf8').match(/^#+ .*$/gm) ?? []
    const anchors = heads.map((head) =>
      head
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    )
    expect(anchors).toContain(anchor)
  }
})

// .ci/install-prometheus.sh brings both; .ci/run has these fail where they are not.
const hasTools = ['promtool', 'read-openmetrics'].every((name) => spawnSync('which', [name]).status === 0)
const withTools = hasTools || process.env['REQUIRE_PROMTOOL'] === '1' ? test : test.skip

withTools('promtool takes the configuration and the rules, which raise what they should', () => {
  const promtool = (...words: readonly string[]) => spawnSync('promtool', words, { cwd: prometheus, encoding: 'utf8' })
  for (const words of [
    ['check', 'config', 'prometheus.yml'],
    ['check', 'rules', 'rules.yml'],
    ['test', 'rules', 'rules.test.yml'],
  ]) {
    const { status, stdout, stderr } = promtool(...words)
    expect([words, status, status === 0 ? '' : stdout + stderr]).toEqual([words, 0, ''])
  }
})

withTools('promtool reads every query of the dashboard', () =>
  withDirectory(async (directory) => {
    const queries = expressions.map((expr, index) => ({
      record: `panel:${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.+'),
    }))
    const file = join(directory, 'panels.yml')
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules: queries }] }))
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' })
    expect([status, status === 0 ? '' : stdout + stderr]).toEqual([0, ''])
  }),
)

withTools('Prometheus’s own strict reader takes what /metrics answers', () => {
  const families = execFileSync('read-openmetrics', { input: text, encoding: 'utf8' })
  expect(Number(families)).toBe(readOpenMetrics(text).size)
  expect(spawnSync('read-openmetrics', { input: text.replace('# EOF\n', '') }).status).not.toBe(0)
})
