import { isAtLeast, type Order } from '../../lib/kms/rows/epoch.ts'
import { keySk, vaultSk } from '../../lib/kms/rows/rows.ts'
import type { Item } from '../../lib/ports.ts'
import type { SimulatedTables } from './simulatedTables.ts'
import { Violation } from './violation.ts'

/** A committed row of the primary, and the link that its vault had at that moment. */
export interface Committed extends Order {
  readonly sk: string
  readonly fence: number
  readonly handOffTo: string | null
}

type Ordered = Item & Order & { readonly mac: string; readonly id: string }

/** Watches every commit in both regions, and knows all that the primary ever wrote. */
export class History {
  /** By partition: a vault's or a key's OCID. */
  readonly #committed = new Map<string, Committed[]>()
  /** Each row at each order: the same wherever it is written. */
  readonly #rows = new Map<string, Ordered>()
  /** OCIDs of vaults and keys of which a restore was asked: they may come back after they were DELETED. */
  readonly #returning = new Set<string>()
  /** What was before, in the world that this one was forked from. */
  readonly #before: History | undefined

  constructor(before?: History) {
    this.#before = before
  }

  mayReturn(id: string): void {
    this.#returning.add(id)
  }

  watch(region: string, tables: SimulatedTables, isPrimary: boolean): void {
    tables.onCommit((table, old, item) => {
      if (table !== 'Vaults' && table !== 'Keys') return
      if (item !== undefined && old !== undefined) this.#requireForward(region, old, item)
      if (item === undefined || !isOrdered(item)) return
      if (table === 'Keys') requireVault(region, tables, item)
      this.#note(tables, item, isPrimary)
    })
  }

  /** The rows of a vault or key as of an order: of each the last one that the primary wrote by then. */
  asOf(resourceId: string, order: Order): readonly Committed[] {
    const last = new Map<string, Committed>()
    for (const each of this.#of(resourceId)) if (isAtLeast(order, each)) last.set(each.sk, each)
    return [...last.values()]
  }

  /** Of each row of a key the last that was written before this link had a hand-off: those that its copy brings over. */
  beforeHandOff(keyId: string, { fence }: Pick<Committed, 'fence'>): readonly Committed[] {
    const last = new Map(this.#of(keyId).map((each) => [each.sk, each]))
    return [...last.values()].filter((each) => each.fence !== fence || each.handOffTo === null)
  }

  /** The link under which the vault's or key's own row was committed in this order. */
  linkAt(resourceId: string, { epoch, revision }: Order): Committed | undefined {
    const own = this.#of(resourceId).filter(({ sk }) => sk === keySk || sk === vaultSk)
    return own.find((each) => each.epoch === epoch && each.revision === revision)
  }

  #of(id: string): readonly Committed[] {
    return this.#committed.get(id) ?? (this.#before === undefined ? [] : this.#before.#of(id))
  }

  #rowAt(name: string): Ordered | undefined {
    const own = this.#rows.get(name)
    return own === undefined && this.#before !== undefined ? this.#before.#rowAt(name) : own
  }

  #requireForward(region: string, old: Item, item: Item): void {
    const name = `${item.sk} of ${item.pk} in ${region}`
    if (isOrdered(old) && isOrdered(item) && !isAtLeast(item, old)) {
      throw new Violation(`The revision fell from ${old.revision} to ${item.revision}: ${name}.`)
    }
    const isReturning = [item.pk, item['vaultId']].some((id) => typeof id === 'string' && this.#returning.has(id))
    if (!isReturning && old['lifecycleState'] === 'DELETED' && item['lifecycleState'] !== 'DELETED') {
      throw new Violation(`What was DELETED is not any more: ${name}.`)
    }
  }

  #note(tables: SimulatedTables, item: Ordered, isPrimary: boolean): void {
    const { epoch, revision, pk, sk } = item
    const name = `${pk} ${sk} ${epoch} ${revision}`
    const known = this.#rowAt(name)
    if (known !== undefined && known.mac !== item.mac) {
      throw new Violation(`Two rows are ${sk} of ${pk} at revision ${revision}: ${unlikeMembers(known, item)}.`)
    }
    this.#rows.set(name, item)
    if (!isPrimary) return
    const vaultId = item['vaultId']
    const vault = tables.get('Vaults', typeof vaultId === 'string' ? vaultId : pk, vaultSk)
    const { fence, handOffTo } = (vault ?? { fence: 0, handOffTo: null }) as unknown as Committed
    const committed = this.#committed.get(pk) ?? [...this.#of(pk)]
    committed.push({ sk, epoch, revision, fence, handOffTo })
    this.#committed.set(pk, committed)
  }
}

function unlikeMembers(left: Item, right: Item): string {
  const names = Object.keys({ ...left, ...right }).filter(
    (name) => name !== 'mac' && JSON.stringify(left[name]) !== JSON.stringify(right[name]),
  )
  return names.map((name) => `${name} ${JSON.stringify(left[name])} and ${JSON.stringify(right[name])}`).join(', ')
}

function isOrdered(item: Item): item is Ordered {
  return item.epoch !== undefined && item.revision !== undefined && typeof item['mac'] === 'string'
}

/** A record that comes after its replica was purged must leave nothing. */
function requireVault(region: string, tables: SimulatedTables, item: Ordered): void {
  const vaultId = item['vaultId']
  if (typeof vaultId === 'string' && tables.get('Vaults', vaultId, vaultSk) === undefined) {
    throw new Violation(`A row without its vault: ${item.sk} of ${item.pk} in ${region}.`)
  }
}
