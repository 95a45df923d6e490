import { foldCase } from './foldCase.ts'
import type { Condition, Test, Value } from './policyParser.js'
import { compileTimeTest } from './timeTest.ts'
import { type Evaluation, type Reader, variableReader } from './variables.ts'
import { wildcard } from './wildcard.ts'

export type Predicate = (evaluation: Evaluation) => boolean
/** What a name stands for where the condition is. */
type ReaderOf = (name: string) => Reader
/** The test's right side: what a value must match; undefined where it is a variable that does not exist. */
type Comparison = (evaluation: Evaluation) => ((value: string) => boolean) | undefined

/**
 * INVARIANT: a test on a variable that does not exist for the request is false, whatever its operator (contract §9.3).
 * @throws KmsError invalidParameter for a test that no request could make sense of.
 */
export function compileCondition(condition: Condition, readerOf: ReaderOf = variableReader): Predicate {
  switch (condition.kind) {
    case 'all': {
      const predicates = condition.conditions.map((each) => compileCondition(each, readerOf))
      return (evaluation) => predicates.every((holds) => holds(evaluation))
    }
    case 'any': {
      const predicates = condition.conditions.map((each) => compileCondition(each, readerOf))
      return (evaluation) => predicates.some((holds) => holds(evaluation))
    }
    default:
      return compileTest(condition, readerOf)
  }
}

function compileTest(test: Test, readerOf: ReaderOf): Predicate {
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
