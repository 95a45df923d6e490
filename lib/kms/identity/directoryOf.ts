import type { CompartmentRow, DynamicGroupRow, GroupRow, TrustedIssuerRow, UserRow } from './identityRows.ts'
import { namespacesIn } from './taggingState.ts'
import { rowsOf, type TenancyState } from './tenancyState.ts'

/** What policies can name, by the kinds of lib/iam/namedThings.ts. */
export function directoryOf(state: TenancyState) {
  return {
    compartments: rowsOf<CompartmentRow>(state, 'compartment'),
    user: rowsOf<UserRow>(state, 'user'),
    group: rowsOf<GroupRow>(state, 'group'),
    'dynamic-group': rowsOf<DynamicGroupRow>(state, 'dynamicGroup'),
    'trusted-issuer': rowsOf<TrustedIssuerRow>(state, 'trustedIssuer'),
    'tag-namespace': namespacesIn(state),
  }
}
