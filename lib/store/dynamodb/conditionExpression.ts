import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import type { Condition } from '../../ports.ts'

/** The parts of a request that state a condition. */
export interface Expression {
  readonly ConditionExpression: string
  readonly ExpressionAttributeNames?: Record<string, string>
  readonly ExpressionAttributeValues: Record<string, AttributeValue>
}

type Kind<K extends Condition['kind']> = Extract<Condition, { kind: K }>

/** What a filter says of an item that has not expired; `:now` in seconds. */
export const unexpired = '(attribute_not_exists(expiresAt) OR expiresAt > :now)'
const present = `attribute_exists(pk) AND ${unexpired}`
const absent = '(attribute_not_exists(pk) OR expiresAt <= :now)'

/** The same condition as lib/store/conditionHolds.ts, for an item that DynamoDB holds: one that has expired is absent. */
export function conditionExpression(condition: Condition, nowMs: number): Expression {
  const terms = new Terms()
  terms.value('now', nowMs / 1000)
  return terms.expression(textOf(condition, terms))
}

function textOf(condition: Condition, terms: Terms): string {
  switch (condition.kind) {
    case 'absent':
      return absent
    case 'revision':
      return `${present} AND revision = ${terms.value('revision', condition.revision)}`
    case 'newer':
      return newer(condition, terms)
    case 'fields':
      return [present, ...fields(condition, terms)].join(' AND ')
  }
}

/** A comparison with a missing attribute is false, so an item without epoch or revision is not older than anything. */
function newer({ epoch, revision }: Kind<'newer'>, terms: Terms): string {
  const [e, r] = [terms.value('epoch', epoch), terms.value('revision', revision)]
  return `${absent} OR epoch < ${e} OR (epoch = ${e} AND revision < ${r})`
}

function fields({ fields: members }: Kind<'fields'>, terms: Terms): readonly string[] {
  return Object.entries(members).map(([member, expected], position) => {
    const name = terms.name(`f${position}`, member)
    const equal = `${name} = ${terms.value(`f${position}`, expected)}`
    return expected === null ? `(attribute_not_exists(${name}) OR ${equal})` : equal
  })
}

/** Collects what the text of an expression stands for. Members are named by placeholders: many are reserved words. */
class Terms {
  readonly #names: Record<string, string> = {}
  readonly #values: Record<string, unknown> = {}

  name(placeholder: string, member: string): string {
    this.#names[`#${placeholder}`] = member
    return `#${placeholder}`
  }

  value(placeholder: string, value: string | number | boolean | null): string {
    this.#values[`:${placeholder}`] = value
    return `:${placeholder}`
  }

  expression(ConditionExpression: string): Expression {
    return {
      ConditionExpression,
      ...(Object.keys(this.#names).length > 0 && { ExpressionAttributeNames: this.#names }),
      ExpressionAttributeValues: marshall(this.#values, { allowImpreciseNumbers: true }),
    }
  }
}
