import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const sources = globSync(['{handlers,lib,local,offline,deploy,test,bench}/**/*.{ts,cjs}', 'docs/*.md', '*.yml'], {
  cwd: root,
}).filter((file) => !file.includes('vectors'))

test('every section of the contract that the code cites is in docs/contract.md', () => {
  const sections = new Set([...read('docs/contract.md').matchAll(/^#+ (\d+(?:\.\d+)?)\.? /gm)].map(([, name]) => name))
  const cited = sources.flatMap((file) =>
    [...read(file).matchAll(/contract §(\d+(?:\.\d+)?)/gi)].map(([, name]) => ({ file, name })),
  )
  expect(cited.length).toBeGreaterThan(50)
  expect(cited.filter(({ name }) => !sections.has(name ?? ''))).toEqual([])
})

test.each(['CONTRIBUTING.md', 'docs/contract.md', 'docs/architecture.md'])(
  'the files that %s names are there',
  (doc) => {
    const named = [...read(doc).matchAll(/`((?:handlers|lib|local|offline|deploy|test|docs)\/[\w./-]*)`/g)].flatMap(
      ([, path = '']) => (path.startsWith('docs/') && path.endsWith('.json') ? [] : [path]),
    )
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([])
  },
)

test('the source files that docs/architecture.md names without their room are there', () => {
  const names = new Set(sources.map((file) => file.split('/').at(-1)))
  const named = [...read('docs/architecture.md').matchAll(/`([\w/]+\.ts)`/g)].map(([, path = '']) =>
    path.split('/').at(-1),
  )
  expect(named.filter((name) => !names.has(name))).toEqual([])
})
