import { servesAtOnce } from './servesAtOnce.ts'

describe('with 80 ms between the regions', () => {
  servesAtOnce(80)
})
