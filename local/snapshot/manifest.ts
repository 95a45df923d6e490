import { createHash } from 'node:crypto'
import { createReadStream, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { UserError } from '../../lib/userError.ts'
import { parseJson } from '../../lib/parseJson.ts'

/** Written last: a folder without it holds no whole snapshot. */
export const manifestName = 'snapshot.json'
const format = 'vaultspan/snapshot/1'

const manifest = v.object({
  format: v.literal(format),
  /** That took it. */
  version: v.string(),
  takenAt: v.pipe(v.string(), v.isoTimestamp()),
  tenancyId: v.string(),
  homeRegion: v.string(),
  /** Of each region, how many changes it had committed. */
  marks: v.record(v.string(), v.number()),
  files: v.array(
    v.object({
      // Below the snapshot, and nowhere else.
      name: v.pipe(v.string(), v.regex(/^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[^/\\][^\\]*$/)),
      bytes: v.number(),
      sha256: v.string(),
    }),
  ),
})

export type Manifest = v.InferOutput<typeof manifest>

export async function manifestOf(folder: string, facts: Omit<Manifest, 'format' | 'files'>): Promise<Manifest> {
  const files = []
  for (const name of filesBelow(folder)) files.push({ name, ...(await digestOf(join(folder, name))) })
  return { format, ...facts, files }
}

/** Reads every file of a snapshot. @throws UserError naming the first that is not as it was written. */
export async function requireWhole(folder: string): Promise<Manifest> {
  const read = readManifest(folder)
  const named = new Set(read.files.map(({ name }) => name))
  const foreign = filesBelow(folder).find((name) => name !== manifestName && !named.has(name))
  if (foreign !== undefined) throw new UserError(`${join(folder, foreign)} is not of this snapshot; move it away.`)
  for (const { name, bytes, sha256 } of read.files) {
    const file = join(folder, name)
    const found = await digestOf(file).catch((cause: unknown) => {
      throw new UserError(`${file} of the snapshot cannot be read; take another snapshot.`, { cause })
    })
    if (found.bytes === bytes && found.sha256 === sha256) continue
    throw new UserError(`${file} is not as it was written: the snapshot is damaged. Take another.`)
  }
  return read
}

function readManifest(folder: string): Manifest {
  const file = join(folder, manifestName)
  let value: unknown
  try {
    value = parseJson(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new UserError(`${folder} holds no whole snapshot: ${manifestName} is missing or damaged.`, { cause })
  }
  const { success, output } = v.safeParse(manifest, value)
  if (success) return output
  const { format: written } = value as { readonly format?: unknown }
  const kind = typeof written === 'string' && written !== format ? `has the format ${written}` : 'is no such file'
  throw new UserError(`${file} ${kind}; this version reads ${format}.`)
}

/** Regular files, by their names below the folder. */
export function filesBelow(folder: string): readonly string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile() === true).toSorted()
}

async function digestOf(file: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const digest = createHash('sha256')
  let bytes = 0
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    digest.update(chunk)
    bytes += chunk.length
  }
  return { bytes, sha256: digest.digest('hex') }
}
