import type { SeededRandom } from './seededRandom.ts'
import type { StepName } from './steps.ts'

/** Which kinds of work a schedule has beside that on keys. */
export interface Words {
  readonly link: boolean
  readonly identity: boolean
  readonly deletion: boolean
  readonly vault: boolean
  readonly backup: boolean
}

interface Phrase {
  readonly weight: number
  readonly steps: readonly StepName[]
  readonly of?: keyof Words
}

/** What callers do without a pause in between; the pairs that lost versions come most often. */
const all: readonly Phrase[] = [
  { weight: 6, steps: ['rename', 'rotate'] },
  { weight: 6, steps: ['createKey', 'rotate'] },
  { weight: 5, steps: ['disable', 'enable', 'rotate'] },
  { weight: 6, steps: ['rotate', 'rotate'] },
  { weight: 5, steps: ['tag', 'import'] },
  { weight: 3, steps: ['createKey', 'rename', 'rotate'] },
  { weight: 3, steps: ['createKey'] },
  { weight: 2, steps: ['rename'] },
  { weight: 2, steps: ['moveKey'] },
  { weight: 1, steps: ['importKey'] },
  { weight: 1, steps: ['planRotation'] },
  { weight: 1, steps: ['disable'] },
  { weight: 1, steps: ['enable'] },
  { weight: 1, steps: ['encrypt'] },
  { weight: 1, steps: ['trespass'] },
  { weight: 4, steps: ['deleteVersion'], of: 'deletion' },
  { weight: 2, steps: ['rotate', 'deleteVersion', 'keepVersion'], of: 'deletion' },
  { weight: 3, steps: ['deleteKey', 'keepKey'], of: 'deletion' },
  { weight: 2, steps: ['deleteKey'], of: 'deletion' },
  { weight: 3, steps: ['updateVault'], of: 'vault' },
  { weight: 2, steps: ['moveVault'], of: 'vault' },
  { weight: 1, steps: ['deleteVault', 'keepVault'], of: 'vault' },
  { weight: 1, steps: ['deleteVault'], of: 'vault' },
  { weight: 3, steps: ['saveVault', 'restoreElsewhere'], of: 'backup' },
  { weight: 2, steps: ['saveVault', 'rotate', 'restoreElsewhere'], of: 'backup' },
  { weight: 2, steps: ['saveVault', 'deleteVault', 'waitDays', 'restoreVault', 'createKey'], of: 'backup' },
  { weight: 2, steps: ['saveVault', 'deleteVault', 'waitDays', 'restoreVault', 'createReplica'], of: 'backup' },
  { weight: 3, steps: ['saveKey', 'deleteKey', 'waitDays', 'restoreKey', 'rotate'], of: 'backup' },
  { weight: 2, steps: ['saveKey', 'rotate', 'restoreKey'], of: 'backup' },
  { weight: 5, steps: ['createReplica'], of: 'link' },
  { weight: 3, steps: ['deleteReplica'], of: 'link' },
  { weight: 3, steps: ['deleteReplica', 'createReplica'], of: 'link' },
  { weight: 3, steps: ['createCompartment'], of: 'identity' },
  { weight: 3, steps: ['deleteCompartment'], of: 'identity' },
  { weight: 2, steps: ['updateCompartment'], of: 'identity' },
  { weight: 3, steps: ['createPolicy'], of: 'identity' },
  { weight: 2, steps: ['updatePolicy'], of: 'identity' },
  { weight: 2, steps: ['deletePolicy'], of: 'identity' },
]

export function phrases(random: SeededRandom, words: Words): readonly StepName[] {
  const allowed = all.filter(({ of }) => of === undefined || words[of])
  let point = random.next() * allowed.reduce((sum, { weight }) => sum + weight, 0)
  for (const { weight, steps } of allowed) {
    point -= weight
    if (point < 0) return steps
  }
  return ['rename', 'rotate']
}
