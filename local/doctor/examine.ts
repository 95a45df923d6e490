import { messageOf } from '../../lib/userError.ts'
import { certificatesCheck, filesCheck, permissionsCheck } from './fileChecks.ts'
import { fail, type Finding } from './finding.ts'
import { clockCheck, diskCheck, nodeCheck, settingsCheck } from './machineChecks.ts'
import { openPatient, type Patient } from './patient.ts'
import { portsCheck, regionsCheck } from './serviceChecks.ts'
import { tokensCheck } from './tokensCheck.ts'

type Check = (patient: Patient) => readonly Finding[] | Promise<readonly Finding[]>

const checks: readonly Check[] = [
  () => nodeCheck(),
  () => settingsCheck(),
  filesCheck,
  permissionsCheck,
  (patient) => diskCheck(patient),
  clockCheck,
  regionsCheck,
  (patient) => tokensCheck(patient),
  portsCheck,
  certificatesCheck,
]

/** Looks at a cloud, running or not, and at its machine. Changes nothing. */
export async function examine(directory: string): Promise<readonly Finding[]> {
  const patient = await openPatient(directory)
  const findings: Finding[] = []
  for (const check of checks) {
    try {
      findings.push(...(await check(patient)))
    } catch (cause) {
      findings.push(
        fail(
          `This could not be looked at: ${messageOf(cause)}`,
          'See that the user who asks may read the data directory.',
        ),
      )
    }
  }
  return findings
}
