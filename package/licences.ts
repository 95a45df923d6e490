import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Metafile } from 'esbuild'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string
}

/** The licence of every package whose code these bundles carry: most ask to be told along with it. */
export function licencesOf(bundles: readonly Metafile[]): string {
  const directories = new Set(bundles.flatMap(({ outputs }) => Object.values(outputs).flatMap(packagesIn)))
  const texts = [...directories].map(licenceIn)
  return ['This package carries code of these packages.', ...texts.toSorted()].join(`\n\n${'-'.repeat(72)}\n\n`)
}

function packagesIn({ inputs }: Metafile['outputs'][string]): readonly string[] {
  return Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => {
    const [directory] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []
    return directory === undefined || bytesInOutput === 0 ? [] : [directory]
  })
}

/** @throws Error where a package says nothing of its licence: then somebody must look. */
function licenceIn(directory: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest
  const file = readdirSync(directory).find((each) => /^(licen[cs]e|copying)/i.test(each))
  if (file === undefined && license === undefined) throw new Error(`${name} names no licence.`)
  const notice = join(directory, 'NOTICE')
  return [
    `${name} ${version}${license === undefined ? '' : ` (${license})`}`,
    ...(file === undefined ? [] : [readFileSync(join(directory, file), 'utf8').trim()]),
    ...(existsSync(notice) ? [readFileSync(notice, 'utf8').trim()] : []),
  ].join('\n\n')
}
