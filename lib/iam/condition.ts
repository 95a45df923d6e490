import { foldCase } from './foldCase.ts'
import { isLiteral, nameVariable, type NamedKind } from './namedThings.ts'
import type { Condition, Test, Value } from './policyParser.js'
import { compileTimeTest } from './timeTest.ts'
import { type Evaluation, type Reader, variableReader } from './variables.ts'
import { wildcard } from './wildcard.ts'

export type Predicate = (evaluation: Evaluation) => boolean
/** What a name stands for where the condition is. */
type ReaderOf = (name: string) => Reader
/** The OCIDs that a name meant when the condition was written. */
export type IdsOf = (kind: NamedKind, name: string) => readonly string[]

interface Meaning {
  readonly readerOf?: ReaderOf
  /** Absent where names mean what they mean now. */
  readonly idsOf?: IdsOf | undefined
}
/** The test's right side: what a value must match; undefined where it is a variable that does not exist. */
type Comparison = (evaluation: Evaluation) => ((value: string) => boolean) | undefined

/**
 * INVARIANT: a test on a variable that does not exist for the request is false, whatever its operator (contract §9.3).
 * @throws KmsError invalidParameter for a test that no request could make sense of.
 */
export function compileCondition(condition: Condition, meaning: Meaning = {}): Predicate {
  switch (condition.kind) {
    case 'all': {
      const predicates = condition.conditions.map((each) => compileCondition(each, meaning))
      return (evaluation) => predicates.every((holds) => holds(evaluation))
    }
    case 'any': {
      const predicates = condition.conditions.map((each) => compileCondition(each, meaning))
      return (evaluation) => predicates.some((holds) => holds(evaluation))
    }
    default:
      return compileTest(condition, meaning)
  }
}

function compileTest(test: Test, { readerOf = variableReader, idsOf }: Meaning): Predicate {
  const bound = idsOf && compileBound(test, readerOf, idsOf)
  if (bound !== undefined) return bound
  switch (test.kind) {
    case '=':
      return compileMatch(readerOf(test.variable), compileValue(test.value, readerOf), true)
    case '!=':
      return compileMatch(readerOf(test.variable), compileValue(test.value, readerOf), false)
    case 'in': {
      const matches = test.texts.map(wildcard)
      const isOneOf = (value: string): boolean => matches.some((isMatch) => isMatch(value))
      return compileMatch(readerOf(test.variable), () => isOneOf, true)
    }
    default: {
      const holds = compileTimeTest(test)
      return ({ request }) => holds(request.now)
    }
  }
}

/**
 * A test on a name is one on the OCIDs that it meant: whoever renames or makes something later gets nothing by its name,
 * also not by one that `!=` keeps out.
 * Undefined for tests that name nothing by itself.
 */
function compileBound(test: Test, readerOf: ReaderOf, idsOf: IdsOf): Predicate | undefined {
  const variable = nameVariable(test.variable)
  if (variable === undefined) return undefined
  const compile = (names: readonly string[], expected: boolean): Predicate => {
    const ids = new Set(names.flatMap((name) => idsOf(variable.kind, name)))
    const isOneOf = (id: string): boolean => ids.has(id)
    return compileMatch(readerOf(variable.id), () => isOneOf, expected)
  }
  if (test.kind === 'in') {
    const byId = compile(test.texts.filter(isLiteral), true)
    const patterns = test.texts.filter((text) => !isLiteral(text)).map(wildcard)
    const isLike = (value: string): boolean => patterns.some((isMatch) => isMatch(value))
    const byName = compileMatch(readerOf(test.variable), () => isLike, true)
    return (evaluation) => byId(evaluation) || byName(evaluation)
  }
  if ((test.kind !== '=' && test.kind !== '!=') || test.value.kind !== 'text') return undefined
  const { text } = test.value
  if (!isLiteral(text)) return undefined
  const byId = compile([text], test.kind === '=')
  if (test.kind === '=') return byId
  // What is kept out stays out under any name, and so does what has that name now: made later, it was meant as well.
  const hasName = compileMatch(readerOf(test.variable), compileValue(test.value, readerOf), true)
  return (evaluation) => byId(evaluation) && !hasName(evaluation)
}

/** A set equals a value where any element does, and differs where none does. */
function compileMatch(read: Reader, comparison: Comparison, expected: boolean): Predicate {
  return (evaluation) => {
    const actual = read(evaluation)
    const isMatch = comparison(evaluation)
    if (actual === undefined || isMatch === undefined) return false
    return (typeof actual === 'string' ? isMatch(actual) : actual.some(isMatch)) === expected
  }
}

function compileValue(value: Value, readerOf: ReaderOf): Comparison {
  if (value.kind === 'variable') return compileVariable(readerOf(value.name))
  // Oracle's own examples use `*` inside quotes too, always as a wildcard.
  const isMatch = wildcard(value.kind === 'text' ? value.text : value.pattern)
  return () => isMatch
}

function compileVariable(read: Reader): Comparison {
  return (evaluation) => {
    const values = read(evaluation)
    if (values === undefined) return undefined
    const folded = (typeof values === 'string' ? [values] : values).map(foldCase)
    return (value) => folded.includes(foldCase(value))
  }
}
