import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { build, type Plugin } from 'esbuild'
import { licencesOf } from './licences.ts'

/** `npm run pack` packs what this makes: the host bundled, with nothing to install beside it. */
const directory = join('.build', 'package')

/** What processes and threads are started from. */
const started = {
  vaultspan: 'local/vaultspan.ts',
  regionMain: 'local/processes/regionMain.ts',
  watchParent: 'local/processes/watchParent.ts',
  workerMain: 'local/workers/workerMain.ts',
}

const { version, license, description } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, string>

const manifest = {
  name: 'vaultspan',
  version,
  description,
  license,
  type: 'module',
  engines: { node: '>=24' },
  bin: { vaultspan: 'dist/cli.js' },
  main: './dist/vaultspan.js',
  types: './dist/vaultspan.d.ts',
  exports: {
    '.': {
      types: './dist/vaultspan.d.ts',
      // For runners that cannot require an ES module, as jest.
      require: './dist/vaultspan.cjs',
      default: './dist/vaultspan.js',
    },
    './package.json': './package.json',
  },
  files: ['dist', 'THIRD_PARTY_LICENCES.txt'],
}

const common = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  minify: true,
  // Names of classes and functions are what an operator reads in a stack.
  keepNames: true,
  logLevel: 'warning',
  metafile: true,
} as const

/**
 * Node's own modules by `require`: as a module to import, each is asked for all that it exports, and `node:http` has there a
 * WebSocket whose library is loaded for the question: 45 ms of processor time in every thread of a service.
 */
const nodeByRequire: Plugin = {
  name: 'node-by-require',
  setup: (building) => {
    building.onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'node-by-require' } : undefined,
    )
    building.onLoad({ filter: /.*/, namespace: 'node-by-require' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)})`,
    }))
  },
}

export async function buildPackage(): Promise<string> {
  const dist = join(directory, 'dist')
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(dist, { recursive: true })
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
  for (const name of ['LICENSE', 'CHANGELOG.md']) copy(name)
  writeFileSync(join(directory, 'README.md'), readFileSync('package/README.md'))
  const asModules = (entryPoints: Record<string, string>, chunk: string) =>
    build({
      ...common,
      entryPoints,
      outdir: dist,
      format: 'esm',
      splitting: true,
      chunkNames: `${chunk}-[hash]`,
      plugins: [nodeByRequire],
      // CommonJS packages inside ask for Node's modules by require.
      banner: {
        js: "import { createRequire as require_ } from 'node:module';const require = require_(import.meta.url);",
      },
    })
  // Apart from each other: to find and load a file costs as much as to compile 50 KB, and all together share in some 80 files.
  const command = await asModules({ cli: 'local/main.ts' }, 'chunk')
  const parts = await asModules(started, 'part')
  const commonJs = await build({
    ...common,
    entryPoints: ['local/vaultspan.ts'],
    outfile: join(dist, 'vaultspan.cjs'),
    format: 'cjs',
    define: { 'import.meta.url': 'moduleUrl' },
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
  })
  // One library, however it is asked for.
  writeFileSync(join(dist, 'vaultspan.js'), "export { startVaultspan } from './vaultspan.cjs'\n")
  writeFileSync(
    join(directory, 'THIRD_PARTY_LICENCES.txt'),
    licencesOf([command.metafile, parts.metafile, commonJs.metafile]),
  )
  writeFileSync(join(dist, 'vaultspan.d.ts'), declarations())
  return directory
}

function copy(name: string): void {
  try {
    writeFileSync(join(directory, name), readFileSync(name))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
  }
}

/** The types' own file, and the function. */
function declarations(): string {
  const { outputText } = ts.transpileDeclaration(readFileSync('local/vaultspanTypes.ts', 'utf8'), {
    fileName: 'vaultspanTypes.ts',
    compilerOptions: { isolatedDeclarations: true },
  })
  const start = `/** Starts a cloud in memory, in this process, on free ports of 127.0.0.1; several may run side by side. */
export declare function startVaultspan(options?: VaultspanOptions): Promise<Vaultspan>
`
  return `${outputText}${start}`
}

if (import.meta.main) console.log(await buildPackage())
