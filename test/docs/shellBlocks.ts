import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

/** The documents that say what to type, README first. */
export const documents = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
    .toSorted((a, b) => b.localeCompare(a)),
]

interface Block {
  readonly document: string
  readonly language: string
  readonly text: string
}

function blocksOf(document: string): readonly Block[] {
  const text = readFileSync(join(root, document), 'utf8')
  return [...text.matchAll(/^( *)```([a-z]*)\n([\s\S]*?)^ *```$/gm)].map(
    ([, indent = '', language = '', body = '']) => ({
      document,
      language,
      text: body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
    }),
  )
}

export const blocks = documents.flatMap(blocksOf)

/** What a reader is told to type, block by block. */
export const shellBlocks = blocks.filter(({ language }) => language === 'sh')

/** Blocks without a language are drawings. */
export const drawings = blocks.filter(({ language }) => language === '')
