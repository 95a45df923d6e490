import { servesAtOnce } from './servesAtOnce.ts'

describe('with 0 ms between the regions', () => {
  servesAtOnce(0)
})
