import { KmsError } from '../../../errors.ts'

export function poolIsEmpty(firstLabel: string): KmsError {
  return new KmsError(
    'limitExceeded',
    `No token is free for another private vault (tokens "${firstLabel}" and on): whoever runs the service makes more with "hsm init --private", or use a virtual vault (DEFAULT).`,
  )
}
