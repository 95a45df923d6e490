import { KmsError } from '../errors.ts'
import { parse, type Statement, SyntaxError as GrammarError } from './policyParser.js'

const maxLength = 8192
const maxExpectations = 5

/** `number` counts a policy's statements from 1. @throws KmsError invalidParameter, saying where and what was expected. */
export function parseStatement(text: string, number = 1): Statement {
  if (text.length > maxLength) {
    throw new KmsError('invalidParameter', `Policy statement ${number} is longer than ${maxLength} characters.`)
  }
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof GrammarError)) throw error
    const place = `statement ${number}, character ${error.location.start.offset + 1}`
    throw new KmsError('invalidParameter', `Policy ${place}: expected ${expectations(error)}.`, { cause: error })
  }
}

function expectations({ expected }: GrammarError): string {
  const texts = (expected ?? []).map((each) => each.description ?? each.text ?? `the statement's end`)
  const shown = [...new Set(texts)]
    .filter((text) => text !== 'blank')
    .sort()
    .slice(0, maxExpectations)
  return shown.length === 0 ? 'a blank' : shown.join(' or ')
}
