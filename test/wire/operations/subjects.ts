import type { OperationName } from '../../../lib/http/operations.ts'
import { backupSubjects } from './backupSubjects.ts'
import { cryptoSubjects } from './cryptoSubjects.ts'
import { groupSubjects } from './groupSubjects.ts'
import { identitySubjects } from './identitySubjects.ts'
import { keySubjects } from './keySubjects.ts'
import { sessionSubjects } from './sessionSubjects.ts'
import type { Subject } from './subject.ts'
import { tagDefaultSubjects } from './tagDefaultSubjects.ts'
import { tagNamespaceSubjects } from './tagNamespaceSubjects.ts'
import { tagSubjects } from './tagSubjects.ts'
import { tenancySubjects } from './tenancySubjects.ts'
import { userSubjects } from './userSubjects.ts'
import { vaultSubjects } from './vaultSubjects.ts'
import { versionSubjects } from './versionSubjects.ts'

/** Every operation there is: the type makes this list complete. */
export const subjects: Readonly<Record<OperationName, Subject>> = {
  ...vaultSubjects,
  ...keySubjects,
  ...versionSubjects,
  ...backupSubjects,
  ...cryptoSubjects,
  ...identitySubjects,
  ...userSubjects,
  ...groupSubjects,
  ...tenancySubjects,
  ...tagNamespaceSubjects,
  ...sessionSubjects,
  ...tagSubjects,
  ...tagDefaultSubjects,
}
