import type { SeededFault } from './seededFault.ts'

/** Whose messages count, and for what (docs/security.md, "Who can write to a table or a queue"). */
export const forgedFaults: readonly SeededFault[] = [
  {
    name: 'a region speaks in another region’s name',
    file: 'lib/replication/messages/signedMessage.ts',
    find: 'statement.region !== source || statement.tenancyId !== tenancyId',
    replace: 'statement.tenancyId !== tenancyId',
    caughtBy: { test: 'test/replication/forgedRecords.test.ts' },
  },
  {
    name: 'a region speaks in another tenancy’s name',
    file: 'lib/replication/messages/signedMessage.ts',
    find: 'statement.region !== source || statement.tenancyId !== tenancyId',
    replace: 'statement.region !== source',
    caughtBy: { test: 'test/replication/forgedRecords.test.ts' },
  },
  {
    name: 'a message for one region counts in another',
    file: 'lib/replication/messages/signedMessage.ts',
    find: 'if (destination !== hsm.region) throw',
    replace: 'if (destination === undefined) throw',
    caughtBy: { test: 'test/replication/forgedRecords.test.ts' },
  },
  {
    name: 'a record makes its receiver the primary',
    file: 'lib/replication/apply.ts',
    find: ' || row.primaryRegion !== vault.row.primaryRegion) {',
    replace: ') {',
    caughtBy: { test: 'test/replication/forgedRecords.test.ts' },
  },
  {
    name: 'a record writes versions of another key',
    file: 'lib/replication/apply.ts',
    find: '    key.sk === keySk &&\n    versions.every((version) => isVersionOf(key, version))',
    replace: '    key.sk === keySk',
    caughtBy: { test: 'test/replication/forgedRecords.test.ts' },
  },
  {
    name: 'a region that does not write a vault asks to replicate it',
    file: 'lib/replication/link/linkDestination.ts',
    find: '  if (row.primaryRegion !== source || row.tenancyId !== tenancyId) {',
    replace: '  if (row.tenancyId !== tenancyId) {',
    caughtBy: { test: 'test/replication/forgedLinks.test.ts' },
  },
  {
    name: 'another tenancy’s vault takes the place of a deleted one',
    file: 'lib/replication/link/linkDestination.ts',
    find: "row.lifecycleState === 'DELETED' && row.tenancyId === tenancyId && row.fence < fence",
    replace: "row.lifecycleState === 'DELETED' && row.fence < fence",
    caughtBy: { test: 'test/replication/forgedLinks.test.ts' },
  },
  {
    name: 'keys come with the row of another link',
    file: 'lib/replication/link/linkDestination.ts',
    find: '    row.fence === fence &&\n',
    replace: '',
    caughtBy: { test: 'test/replication/forgedLinks.test.ts' },
  },
  {
    name: 'an earlier replica ends the deletion of the present one',
    file: 'lib/replication/link/linkSource.ts',
    find: ' || vault.row.fence !== fence) return undefined',
    replace: ' || fence < 0) return undefined',
    caughtBy: { test: 'test/replication/forgedLinks.test.ts' },
  },
  {
    name: 'whoever is no replica of a vault answers for it',
    file: 'lib/replication/link/linkSource.ts',
    find: 'vault.row.replicaRegion !== source || vault.row.tenancyId !== tenancyId',
    replace: 'vault.row.tenancyId !== tenancyId',
    caughtBy: { test: 'test/replication/forgedLinks.test.ts' },
  },
]
