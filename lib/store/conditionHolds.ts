import type { Condition, Item } from '../ports.ts'
import { compareUtf8 } from '../compareUtf8.ts'

type Kind<K extends Condition['kind']> = Extract<Condition, { kind: K }>

/** `item` is what a reader would see: undefined where it is absent or expired. */
export function conditionHolds(condition: Condition, item: Item | undefined): boolean {
  switch (condition.kind) {
    case 'absent':
      return item === undefined
    case 'revision':
      return item?.revision === condition.revision
    case 'newer':
      return item === undefined || isOlder(item, condition)
    case 'fields':
      return item !== undefined && fieldsEqual(item, condition)
  }
}

/** True where the item's `expiresAt` has come. */
export function isExpired(item: Item, nowMs: number): boolean {
  return item.expiresAt !== undefined && item.expiresAt * 1000 <= nowMs
}

/** An item without epoch or revision is not older than anything: a DynamoDB comparison with a missing attribute is false. */
function isOlder(item: Item, { epoch, revision }: Kind<'newer'>): boolean {
  if (item.epoch === undefined) return false
  const order = compareUtf8(item.epoch, epoch)
  return order < 0 || (order === 0 && item.revision !== undefined && item.revision < revision)
}

function fieldsEqual(item: Item, { fields }: Kind<'fields'>): boolean {
  return Object.entries(fields).every(([name, expected]) => {
    const actual = Object.hasOwn(item, name) ? item[name] : undefined
    return (actual ?? null) === expected
  })
}
