import * as v from 'valibot'
import { optionalMembers, timestamp, wholeNumber } from '../../lib/http/fields.ts'
import type { RequestedRotation } from '../../lib/kms/keys/autoRotation.ts'

/** What a caller may say of a key's automatic rotation; the read-only members of the details are ignored. */
export const rotationFields = {
  isAutoRotationEnabled: v.nullish(v.boolean()),
  autoKeyRotationDetails: v.nullish(
    optionalMembers({
      rotationIntervalInDays: v.nullish(
        v.pipe(wholeNumber, v.minValue(60, 'at least 60 days'), v.maxValue(365, 'at most 365 days')),
      ),
      timeOfScheduleStart: v.nullish(timestamp),
    }),
  ),
}

interface RotationDetails {
  readonly isAutoRotationEnabled?: boolean | null | undefined
  readonly autoKeyRotationDetails?:
    | {
        readonly rotationIntervalInDays?: number | null | undefined
        readonly timeOfScheduleStart?: Date | null | undefined
      }
    | null
    | undefined
}

/** The members that are there. */
export function requestedRotation({
  isAutoRotationEnabled,
  autoKeyRotationDetails,
}: RotationDetails): RequestedRotation {
  const { rotationIntervalInDays, timeOfScheduleStart } = autoKeyRotationDetails ?? {}
  return {
    ...(isAutoRotationEnabled == null ? {} : { isEnabled: isAutoRotationEnabled }),
    ...(rotationIntervalInDays == null ? {} : { intervalInDays: rotationIntervalInDays }),
    ...(timeOfScheduleStart == null ? {} : { scheduleStart: timeOfScheduleStart }),
  }
}
