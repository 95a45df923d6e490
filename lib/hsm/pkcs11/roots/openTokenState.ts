import { existsSync } from 'node:fs'
import { UserError } from '../../../userError.ts'
import type { RootChecks } from '../../rootChecks.ts'
import type { KnownRoots } from './knownRoots.ts'
import type { HsmChange } from '../../software/hsmCopy.ts'
import type { Roots, VaultObjects } from './findRoots.ts'
import { macRootOf, type RegionToken } from './regionToken.ts'
import { TokenState, type CopiedTokenState } from './tokenState.ts'

interface Opened {
  readonly region: string
  readonly token: RegionToken
  readonly known: KnownRoots
  readonly file: string | undefined
  readonly onChange?: ((change: HsmChange) => void) | undefined
  readonly copied?: CopiedTokenState | undefined
}

/**
 * A region's state, and with it which roots in its token are the service's. Where nothing says so yet they are taken once: those
 * that the token vouches for, and where it cannot, for custodians have a copy of them, those of which the state speaks by its numbers or
 * by its own MAC. From then on by what they are alone. @throws UserError where the file is not this token's.
 */
export function openTokenState({ region, token, known, file, onChange, copied }: Opened): TokenState {
  const { label } = token
  const found = () => token.run((_session, { roots, areMadeHere }) => ({ roots, areMadeHere }))
  const macs = () => found().roots.map(({ generation }) => macRootOf(token, generation))
  const open = () => new TokenState(region, label, file, macs, { onChange, copied, known })
  if (copied !== undefined || known.of(label) !== undefined) return open()
  const isFresh = file === undefined || !existsSync(file)
  if (isFresh) {
    const { roots, areMadeHere } = found()
    // In memory nothing is begun: what is there is looked at.
    known.set(label, checksOf(areMadeHere || file === undefined ? roots : roots.slice(-1)))
    token.refresh()
    return open()
  }
  const state = open()
  const { roots, areMadeHere } = found()
  const numbers = state.rootsBySelf()
  const isOurs = ({ generation }: Roots) =>
    areMadeHere || numbers.includes(generation) || state.isSignedBy(macRootOf(token, generation))
  known.set(label, checksOf(roots.filter(isOurs)))
  token.refresh()
  return state
}

export function checksOf(roots: readonly Roots[]): RootChecks {
  return Object.fromEntries(roots.map(({ generation, check }) => [generation, check]))
}

/**
 * In a private vault's token of which nothing is known yet: where it does not vouch for its roots, there are two generations only
 * while the region has two. @throws UserError
 */
export function requireOneGeneration(
  label: string,
  { roots, areMadeHere }: VaultObjects,
  region: { readonly generations: () => readonly number[] },
): void {
  if (areMadeHere || roots.length === 1 || region.generations().length > 1) return
  throw new UserError(
    `The token ${label} has roots of ${roots.length} generations, and no rotation is under way: somebody with the PIN put some of them there, and nothing tells which. Delete those that are none, by another program of the library's.`,
  )
}
