import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { build } from 'esbuild'
import { ZipFile } from 'yazl'
import { writeFileDurably } from '../lib/durableFile.ts'
import { buildDirectory, bundledModule, bundles, libraryOf, type Bundle } from './bundles.ts'

export interface Built {
  readonly bundle: Bundle
  readonly bytes: number
  /** What the runtime must bring. */
  readonly imports: readonly string[]
}

/** Beside the bundles and in their zips: unpacked below a package.json of another kind, a module would take its kind from that. */
const packageFile = 'package.json'
const commonJs = Buffer.from('{"type":"commonjs"}\n')

/** `.build/handlers/{bundle}/index.js` and `.build/{bundle}.zip`; the same sources give the same bytes. */
export async function buildBundles(directory = buildDirectory): Promise<readonly Built[]> {
  await mkdir(directory, { recursive: true })
  replace(join(directory, packageFile), commonJs)
  return Promise.all(bundles.map((bundle) => buildBundle(bundle, directory)))
}

async function buildBundle(bundle: Bundle, directory: string): Promise<Built> {
  const { metafile, outputFiles } = await build({
    entryPoints: [`handlers/${bundle}/index.ts`],
    outfile: join(directory, bundledModule(bundle)),
    bundle: true,
    platform: 'node',
    target: 'node24',
    // As the runtime's SDK is. Imported from an ES module it is parsed for its exports first: a tenth of a cold start.
    format: 'cjs',
    supported: { 'dynamic-import': false },
    minify: true,
    // Names of classes and functions are what an operator reads in a stack.
    keepNames: true,
    // The Lambda runtime brings the SDK; PKCS#11 is for hosts with a token.
    external: ['@aws-sdk/client-*', 'pkcs11js'],
    alias: leftOutOf(bundle),
    logLevel: 'warning',
    // What is left out exports nothing.
    logOverride: { 'import-is-undefined': 'silent' },
    metafile: true,
    write: false,
  })
  const code = Buffer.from(outputFiles[0]?.contents ?? [])
  const module = join(directory, bundledModule(bundle))
  await mkdir(dirname(module), { recursive: true })
  replace(module, code)
  replace(join(directory, `${bundle}.zip`), await zip({ [packageFile]: commonJs, [bundledModule(bundle)]: code }))
  const [output] = Object.values(metafile.outputs)
  const imports = output?.imports.filter(({ external }) => external === true).map(({ path }) => path) ?? []
  return { bundle, bytes: output?.bytes ?? 0, imports: [...new Set(imports)] }
}

function leftOutOf(bundle: Bundle): Record<string, string> {
  const others = Object.keys(libraryOf).filter((library) => libraryOf[library] !== bundle)
  return Object.fromEntries(others.map((library) => [library, join(import.meta.dirname, 'leftOut.ts')]))
}

async function zip(files: Readonly<Record<string, Buffer>>): Promise<Buffer> {
  const archive = new ZipFile()
  for (const [name, content] of Object.entries(files))
    archive.addBuffer(content, name, { mtime: new Date('2000-01-01T00:00:00Z'), mode: 0o100644 })
  archive.end()
  return buffer(archive.outputStream)
}

/** Whoever packages at the same time sees the old file or the new one, which are the same for the same sources. */
function replace(file: string, content: Buffer): void {
  writeFileDurably(file, content, { mode: 0o644 })
}

if (import.meta.main) await buildBundles()
