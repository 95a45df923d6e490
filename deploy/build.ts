import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { build } from 'esbuild'
import { ZipFile } from 'yazl'
import { buildDirectory, bundledModule, bundles, type Bundle } from './bundles.ts'

export interface Built {
  readonly bundle: Bundle
  readonly bytes: number
  /** What the runtime must bring. */
  readonly imports: readonly string[]
}

/** `.build/handlers/{bundle}/index.mjs` and `.build/{bundle}.zip`; the same sources give the same bytes. */
export function buildBundles(directory = buildDirectory): Promise<readonly Built[]> {
  return Promise.all(bundles.map((bundle) => buildBundle(bundle, directory)))
}

async function buildBundle(bundle: Bundle, directory: string): Promise<Built> {
  const { metafile } = await build({
    entryPoints: [`handlers/${bundle}/index.ts`],
    outfile: join(directory, bundledModule(bundle)),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minify: true,
    // Names of classes and functions are what an operator reads in a stack.
    keepNames: true,
    // The Lambda runtime brings the SDK; PKCS#11 is for hosts with a token.
    external: ['@aws-sdk/client-*', 'pkcs11js'],
    // Dependencies that are CommonJS ask for Node's own modules by `require`.
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    logLevel: 'warning',
    metafile: true,
  })
  await zip(join(directory, bundledModule(bundle)), bundledModule(bundle), join(directory, `${bundle}.zip`))
  const [output] = Object.values(metafile.outputs)
  const imports = output?.imports.filter(({ external }) => external === true).map(({ path }) => path) ?? []
  return { bundle, bytes: output?.bytes ?? 0, imports: [...new Set(imports)] }
}

async function zip(file: string, name: string, to: string): Promise<void> {
  const archive = new ZipFile()
  archive.addFile(file, name, { mtime: new Date('2000-01-01T00:00:00Z'), mode: 0o100644 })
  archive.end()
  await pipeline(archive.outputStream, createWriteStream(to))
}

if (import.meta.main) await buildBundles()
