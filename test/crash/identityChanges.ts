import type { OperationName } from '../../lib/http/operations.ts'
import type { SeededRandom } from '../simulation/seededRandom.ts'
import type { Change } from './client.ts'
import { shownOf, type Ledger, type OwnedIdentity } from './ledger.ts'

export interface IdentityScene {
  readonly home: string
  readonly tenancyId: string
  readonly ledger: Ledger
  readonly newName: () => string
}

const atOnce = 4
const operations = {
  policies: { create: 'CreatePolicy', update: 'UpdatePolicy', delete: 'DeletePolicy' },
  compartments: { create: 'CreateCompartment', update: 'UpdateCompartment', delete: 'DeleteCompartment' },
} as const satisfies Record<OwnedIdentity['kind'], Record<string, OperationName>>

/** The next change of one client's policies and compartments. */
export function nextIdentityChange(scene: IdentityScene, own: OwnedIdentity[], random: SeededRandom): Change {
  const kind = random.pick(['policies', 'compartments'] as const)
  const standing = own.filter((each) => each.kind === kind && each.shown !== undefined)
  if (standing.length === 0 || (standing.length < atOnce && random.chance(0.3))) return create(scene, own, kind)
  const one = random.pick(standing)
  if (random.chance(0.3)) return remove(scene, one)
  const description = `changed ${scene.newName()}`
  return {
    operation: operations[kind].update,
    method: 'PUT',
    url: urlOf(scene, one),
    body: kind === 'policies' ? { description, statements: statements(scene) } : { description, name: scene.newName() },
    done: show(one),
  }
}

function statements({ newName }: IdentityScene): readonly string[] {
  return [`Allow group Administrators to read vaults in tenancy where request.principal.name = '${newName()}'`]
}

function urlOf({ home }: IdentityScene, { kind, id }: OwnedIdentity): string {
  return `${home}/20160918/${kind}/${id}`
}

function show(one: OwnedIdentity): (body: Record<string, unknown>) => void {
  return (body) => {
    one.shown = shownOf(body)
    one.isTouched = true
  }
}

function create(scene: IdentityScene, own: OwnedIdentity[], kind: OwnedIdentity['kind']): Change {
  const { home, tenancyId, ledger, newName } = scene
  const details = { compartmentId: tenancyId, name: newName(), description: 'd' }
  return {
    operation: operations[kind].create,
    method: 'POST',
    url: `${home}/20160918/${kind}`,
    body: kind === 'policies' ? { ...details, statements: statements(scene) } : details,
    done: (body) => {
      const made: OwnedIdentity = { id: String(body['id']), kind, shown: shownOf(body), isTouched: true }
      own.push(made)
      ledger.identity.push(made)
    },
  }
}

function remove(scene: IdentityScene, one: OwnedIdentity): Change {
  return {
    operation: operations[one.kind].delete,
    method: 'DELETE',
    url: urlOf(scene, one),
    // What is gone is not found.
    repeated: 404,
    done: () => {
      one.shown = undefined
      one.isTouched = true
    },
  }
}
