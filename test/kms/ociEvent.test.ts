import fc from 'fast-check'
import { canonicalJson, type JsonObject } from '../../lib/canonicalJson.ts'
import { eventText, ociEvent, type EventFacts } from '../../lib/kms/ociEvent.ts'

/** Names that stand in another order in an object than they were given, too. */
const names = fc.oneof(fc.constantFrom('10', '9', 'a', 'B', 'ä', '__proto__', 'id'), fc.string({ maxLength: 3 }))
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.integer(),
    fc.dictionary(names, tie('value'), { noNullPrototype: true }),
  ),
})).value
const object = fc.dictionary(names, json, { noNullPrototype: true, maxKeys: 4 })

test('the text of an event is its canonical JSON, whatever order a caller’s words come in', () => {
  fc.assert(
    fc.property(object, object, object, fc.boolean(), (details, parameters, state, isSystem) => {
      const facts: EventFacts = {
        service: 'KeyManagementService',
        operation: 'CreateKey',
        eventId: 'e',
        groupingId: 'g',
        eventTime: '2026-01-01T00:00:00.000Z',
        compartmentId: 'c',
        resourceName: 'n',
        resourceId: null,
        identity: { principalName: null, principalId: 'p', tenantId: 't', authType: 'natv' },
        ...(isSystem
          ? {}
          : { request: { path: '/', parameters: parameters as JsonObject, id: 'i', headers: {}, action: 'GET' } }),
        response: { status: 200, responseTime: '2026-01-01T00:00:00.000Z' },
        current: state as JsonObject,
        details: details as JsonObject,
      }
      const event = ociEvent(facts)
      expect(eventText(event)).toBe(canonicalJson(event))
      expect(eventText({ ...event })).toBe(canonicalJson(event))
      // As it is read back.
      expect(canonicalJson(JSON.parse(eventText(event)) as JsonObject)).toBe(eventText(event))
    }),
    { numRuns: 500 },
  )
})
