import { servesAtOnce } from './servesAtOnce.ts'

describe('with 10 ms between the regions', () => {
  servesAtOnce(10)
})
