import { KmsError } from '../errors.ts'
import { parse, type Statement, SyntaxError as GrammarError } from './policyParser.js'
import { endsInPunctuation, punctuationTip, tipFor } from './statementTips.ts'

const maxLength = 8192
const maxExpectations = 5

/**
 * `number` counts a policy's statements from 1.
 * @throws KmsError invalidParameter, saying where and what was expected, and of a usual mistake what to do.
 */
export function parseStatement(text: string, number = 1): Statement {
  if (text.length > maxLength) {
    throw new KmsError('invalidParameter', `Policy statement ${number} is longer than ${maxLength} characters.`)
  }
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof GrammarError)) throw error
    const { offset } = error.location.start
    if (endsInPunctuation(text, offset)) {
      throw refusedStatement(text, number, text.trimEnd().length - 1, punctuationTip, error)
    }
    const tip = tipFor(text, offset)
    const said = `expected ${expectations(error)}.${tip === undefined ? '' : ` ${tip}`}`
    throw refusedStatement(text, number, offset, said, error)
  }
}

/** With the place in the statement, lines and columns counted from 1. */
export function refusedStatement(
  text: string,
  number: number,
  offset: number,
  said: string,
  cause?: unknown,
): KmsError {
  const lines = text.slice(0, offset).split('\n')
  const place = `line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`
  return new KmsError('invalidParameter', `Policy statement ${number}, ${place}: ${said}`, { cause })
}

function expectations({ expected }: GrammarError): string {
  const texts = (expected ?? []).map((each) => each.description ?? each.text ?? `the statement's end`)
  const shown = [...new Set(texts)]
    .filter((text) => text !== 'blank')
    .sort()
    .slice(0, maxExpectations)
  return shown.length === 0 ? 'a blank' : shown.join(' or ')
}
