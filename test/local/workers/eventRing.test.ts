import fc from 'fast-check'
import { eventIn, EventReader, eventRing, EventWriter, lineOf } from '../../../local/workers/eventRing.ts'

const anEvent = (text: string, expiresAt?: number) => ({
  eventTime: '2026-01-01T00:00:00.000Z',
  eventId: '00000000-0000-4000-8000-000000000000',
  compartmentId: 'ocid1.compartment.oc1..c',
  tenancyId: 'ocid1.tenancy.oc1..t',
  digest: 'AAAA',
  expiresAt,
  text: JSON.stringify({ text }),
})

test.each([undefined, 1_800_000_000])('an event that expires at %s is read as it was written', (expiresAt) => {
  const event = anEvent('two\nlines, ü, 日本 and 🗝', expiresAt)
  expect(eventIn(lineOf(event))).toEqual(event)
})

/** What is written, or undefined: all is read. */
const steps = fc.array(fc.oneof(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.constant(undefined)), {
  maxLength: 200,
})

test('whatever is written is read once, in order, until there is no room', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 100, max: 600 }), (wanted, words) => {
      const ring = eventRing(words * 4)
      const [writer, reader] = [new EventWriter(ring, () => undefined), new EventReader(ring)]
      const written: string[] = []
      const read: string[] = []
      for (const text of wanted) {
        if (text === undefined) read.push(...reader.take().map((event) => event.text))
        else if (writer.write(lineOf(anEvent(text)))) written.push(anEvent(text).text)
      }
      read.push(...reader.take().map((event) => event.text))
      expect(read).toEqual(written)
      expect(reader.take()).toEqual([])
    }),
  )
})

test('there is room again once it was read, however often it goes round', () => {
  const ring = eventRing(1024)
  const [writer, reader] = [new EventWriter(ring, () => undefined), new EventReader(ring)]
  for (let round = 0; round < 1000; round += 1) {
    const text = 'x'.repeat(round % 50)
    expect(writer.write(lineOf(anEvent(text)))).toBe(true)
    expect(reader.take()).toEqual([anEvent(text)])
  }
})

test('the reader is woken once for all that it has not read', () => {
  let woken = 0
  const ring = eventRing()
  const [writer, reader] = [new EventWriter(ring, () => (woken += 1)), new EventReader(ring)]
  for (let count = 0; count < 5; count += 1) writer.write(lineOf(anEvent('x')))
  expect(woken).toBe(1)
  reader.take()
  writer.write(lineOf(anEvent('x')))
  expect(woken).toBe(2)
})
