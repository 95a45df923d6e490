import { hash } from 'node:crypto'

/** One signature over many leaves: each leaf is proved by its path to the signed root. Leaves and nodes are told apart. */
export interface MerkleTree {
  /** base64 */
  readonly root: string
  /** For each leaf, the siblings from the bottom up, base64, with the side they stand on. */
  readonly paths: readonly (readonly string[])[]
}

export function merkleTree(leaves: readonly string[]): MerkleTree {
  let level = leaves.map(leafHash)
  const positions = leaves.map((_, index) => index)
  const paths: string[][] = leaves.map(() => [])
  while (level.length > 1) {
    positions.forEach((position, leaf) => {
      const sibling = level[position ^ 1]
      if (sibling !== undefined) paths[leaf]?.push(`${position % 2 === 0 ? 'R' : 'L'}${sibling.toString('base64')}`)
      positions[leaf] = position >> 1
    })
    level = pairs(level)
  }
  return { root: (level[0] ?? leafHash('')).toString('base64'), paths }
}

/** The root that a leaf and its path lead to. */
export function merkleRoot(leaf: string, path: readonly string[]): string {
  let node = leafHash(leaf)
  for (const step of path) {
    const sibling = Buffer.from(step.slice(1), 'base64')
    node = step.startsWith('R') ? nodeHash(node, sibling) : nodeHash(sibling, node)
  }
  return node.toString('base64')
}

/** A node without a sibling rises unchanged. */
function pairs(level: readonly Buffer[]): Buffer[] {
  const next: Buffer[] = []
  for (let index = 0; index < level.length; index += 2) {
    const [left, right] = [level[index], level[index + 1]]
    if (left !== undefined) next.push(right === undefined ? left : nodeHash(left, right))
  }
  return next
}

const [ofLeaf, ofNode] = [Buffer.of(0), Buffer.of(1)]

function leafHash(leaf: string): Buffer {
  return hash('sha256', Buffer.concat([ofLeaf, Buffer.from(leaf)]), 'buffer')
}

function nodeHash(left: Buffer, right: Buffer): Buffer {
  return hash('sha256', Buffer.concat([ofNode, left, right]), 'buffer')
}
