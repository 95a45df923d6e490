import type { RootChecks } from '../rootChecks.ts'
import type { PartitionEntry } from '../partitionEntry.ts'
import { withTenancy, type HsmRoots, type HsmState, type StateStore, type TenancyRoot } from './hsmState.ts'

/**
 * What a copy of an HSM in another thread of its process must follow, lest it know less than the HSM itself: a tenancy that
 * was pinned or whose identity went on, and key material that was let go of, and the root that rows are under from now on.
 */
export type HsmChange =
  | { readonly kind: 'tenancy'; readonly tenancyId: string; readonly tenancy: TenancyRoot }
  | { readonly kind: 'dropped'; readonly idStart: string }
  | { readonly kind: 'roots'; readonly roots: HsmRoots }
  /** Of a private vault's token; undefined: nothing stands about it any more. */
  | { readonly kind: 'partition'; readonly label: string; readonly entry: PartitionEntry | undefined }
  /** In the token of this label, and which are known there; `isEnded`: of those that were there the newest alone will stay. */
  | {
      readonly kind: 'tokenRoots'
      readonly label: string
      readonly isEnded: boolean
      readonly known?: RootChecks | undefined
    }

/** The same store, which tells of each change once it is kept. */
export function toldState(store: StateStore, onChange: ((change: HsmChange) => void) | undefined): StateStore {
  if (onChange === undefined) return store
  return {
    get state() {
      return store.state
    },
    setTenancy: (tenancyId, tenancy) => {
      store.setTenancy(tenancyId, tenancy)
      onChange({ kind: 'tenancy', tenancyId, tenancy: withoutRootKey(tenancy) })
    },
    setRoots: (roots) => {
      store.setRoots(roots)
      onChange({ kind: 'roots', roots })
    },
  }
}

export function withoutRootKeys(state: HsmState): HsmState {
  return Object.entries(state.tenancies).reduce(
    (copied, [tenancyId, tenancy]) => withTenancy(copied, tenancyId, withoutRootKey(tenancy)),
    state,
  )
}

function withoutRootKey({ rootKey: _, ...tenancy }: TenancyRoot): TenancyRoot {
  return tenancy
}
