import fc from 'fast-check'
import { compareUtf8 } from '../../lib/compareUtf8.ts'

const text = fc.string({
  unit: fc.constantFrom('a', 'b', 'é', '\ud7ff', '\ue000', '\uffff', '\ud800', '\udc00', '𝄞'),
  maxLength: 6,
})

test('texts stand in the order of their UTF-8 bytes, whatever they hold', () => {
  fc.assert(
    fc.property(text, text, (left, right) => {
      expect(compareUtf8(left, right)).toBe(Buffer.compare(Buffer.from(left), Buffer.from(right)))
    }),
  )
})

test('a character beyond U+FFFF stands behind the last one before it', () => {
  expect([compareUtf8('\uffff', '𝄞'), compareUtf8('𝄞', '\uffff')]).toEqual([-1, 1])
})
