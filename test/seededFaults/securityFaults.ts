import type { SeededFault } from './seededFault.ts'

/** What docs/security.md promises, each promise broken in one line. */
export const securityFaults: readonly SeededFault[] = [
  {
    name: 'who may not know of a key looks for no other that is not there',
    file: 'lib/http/evenRefusal.ts',
    find: 'if (!looked.key.missed) await missKey(ports)',
    replace: 'void missKey',
    caughtBy: { test: 'test/wire/evenRefusal.test.ts' },
  },
  {
    name: 'who asks for a key that is not there opens no other',
    file: 'lib/http/evenRefusal.ts',
    find: 'if (!looked.key.found) await readSomeKey(ports)',
    replace: 'void readSomeKey',
    caughtBy: { test: 'test/wire/evenRefusal.test.ts' },
  },
  {
    name: 'a reading of identity that a change has overtaken stands for what is',
    file: 'lib/kms/identity/identityCache.ts',
    find: 'begun.isOvertaken ? -Infinity : began',
    replace: 'began',
    caughtBy: { test: 'test/kms/overtakenIdentity.test.ts' },
  },
  {
    name: 'whoever comes after a change waits for a reading that began before it',
    file: 'lib/kms/identity/identityCache.ts',
    find: '    if (loading !== undefined) loading.isOvertaken = true\n    this.#loading.delete(tenancyId)\n',
    replace: '    if (loading !== undefined) loading.isOvertaken = true\n',
    caughtBy: { test: 'test/kms/overtakenIdentity.test.ts' },
  },
  {
    name: 'a head of the audit is told to no peer',
    file: 'lib/replication/auditHeads.ts',
    find: 'ports.regions.filter((peer) => peer !== ports.region)',
    replace: 'ports.regions.filter(() => false)',
    caughtBy: { test: 'test/replication/auditHeads.test.ts' },
  },
  {
    name: 'requests of one connection are all at work at once',
    file: 'local/gateway/connectionTurns.ts',
    find: 'if (waiting === undefined) {',
    replace: 'if (waiting === undefined || waiting.length === 0) {',
    caughtBy: { test: 'test/local/connectionTurns.test.ts' },
  },
  {
    name: 'a date of yesterday is as good as one of today',
    file: 'lib/iam/requestSignature.ts',
    find: 'const maxSkewMs = 5 * 60 * 1000',
    replace: 'const maxSkewMs = 24 * 3600 * 1000',
    caughtBy: { test: 'test/iam/requestSignature.test.ts' },
  },
  {
    name: 'a copy of a call is a call of its own however late it comes',
    file: 'lib/kms/requestedChange.ts',
    find: 'const honestMs = 2000',
    replace: 'const honestMs = 200_000',
    caughtBy: { test: 'test/wire/repeatedCalls.test.ts' },
  },
  {
    name: 'a vault is destroyed and no event says so',
    file: 'lib/kms/schedule/destroy.ts',
    find: "        ...systemAudit(ports, next.tenancyId, 'DeleteVault', vaultEffect(next, vault.row)),\n",
    replace: '',
    caughtBy: { test: 'test/wire/ownChangesAudited.test.ts' },
  },
  {
    name: 'a key is destroyed and no event says so',
    file: 'lib/kms/schedule/destroy.ts',
    find: "        ...(isFirst ? systemAudit(ports, vault.row.tenancyId, 'DeleteKey', keyEffect(next, key)) : []),\n",
    replace: '',
    caughtBy: { test: 'test/wire/ownChangesAudited.test.ts' },
  },
  {
    name: 'a session is believed that another tenancy’s region made',
    file: 'lib/kms/identity/sessionToken.ts',
    find: 'statement?.tenancyId !== claims.tenant || statement.region !== claims.iss',
    replace: 'statement === undefined || statement.region !== claims.iss',
    caughtBy: { test: 'test/wire/forgedSessions.test.ts' },
  },
]
