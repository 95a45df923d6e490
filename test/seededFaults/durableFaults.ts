import type { SeededFault } from './seededFault.ts'

/** What is on the medium before it is answered, and what is left of what was deleted. */
export const durableFaults: readonly SeededFault[] = [
  {
    name: 'a write is answered before it is on the medium',
    file: 'lib/store/sqlite/sqliteTables.ts',
    find: 'this.#attempt(encoded, writeId), { committed })',
    replace: 'this.#attempt(encoded, writeId), { durable: false, committed })',
    caughtBy: { test: 'test/store/durable.test.ts' },
  },
  {
    name: 'a message is taken before it is on the medium',
    file: 'lib/store/sqlite/sqliteQueues.ts',
    find: '    await this.#commit.run(store, {\n',
    replace: '    await this.#commit.run(store, {\n      durable: false,\n',
    caughtBy: { test: 'test/store/durable.test.ts' },
  },
  {
    name: 'a region that deleted its replica takes what was meant for that',
    file: 'lib/replication/link/purge.ts',
    find: '      ...(known === fence ? [] : [raiseFence(vaultId, fence)]),\n',
    replace: '',
    caughtBy: { test: 'test/replication/nothingLeft.test.ts' },
  },
  {
    name: 'a purge leaves the wrapping key',
    file: 'lib/replication/link/purge.ts',
    find: "      { op: 'delete', table: 'Vaults', pk: vaultId, sk: wrappingKeySk },\n",
    replace: '',
    caughtBy: { test: 'test/replication/nothingLeft.test.ts' },
  },
  {
    name: 'a purge leaves what was known of the keys',
    file: 'lib/replication/link/purge.ts',
    find: '  if (!(await purged(ports, vaultId, [coverageDelete(keyId)]))) return false\n',
    replace: '',
    caughtBy: { test: 'test/replication/nothingLeft.test.ts' },
  },
  {
    name: 'the repetition of a call is answered though its change reached no replica',
    file: 'lib/kms/keys/changeKey.ts',
    find: '  await finishChange(ports, { vault, key: stored })\n  return stored',
    replace: '  void finishChange\n  return stored',
    caughtBy: { test: 'test/replication/repeatedInStrict.test.ts' },
  },
  {
    name: 'the repetition of a call about a version is answered though its change reached no replica',
    file: 'lib/kms/keys/keyVersions.ts',
    find: '  await finishChange(ports, { vault, key: completed, versions: [version] })\n',
    replace: '  void finishChange\n',
    caughtBy: { test: 'test/replication/repeatedInStrict.test.ts' },
  },
  {
    name: 'a region that was put back takes back what is older than its own',
    file: 'lib/replication/takeBack/takeBack.ts',
    find: "  if (isAtLeast(vault.row, row)) return 'isKnown'\n",
    replace: '',
    caughtBy: { test: 'test/replication/takenBack.test.ts' },
  },
  {
    name: 'a region that was put back forgets which keys are to be destroyed',
    file: 'lib/replication/takeBack/takeBack.ts',
    find: '  for (const reminder of deletionReminders(key, versions)) await ports.tables.write(reminder)\n',
    replace: '  void deletionReminders\n',
    caughtBy: { test: 'test/replication/takenBack.test.ts' },
  },
  {
    name: 'a key is destroyed by a reminder of another time',
    file: 'lib/kms/schedule/runDue.ts',
    find: 'const isDue = key.timeOfDeletion === due.at',
    replace: 'const isDue = key.timeOfDeletion !== null',
    caughtBy: { test: 'test/wire/staleReminders.test.ts' },
  },
  {
    name: 'a receipt that was found false is believed on',
    file: 'lib/replication/mend.ts',
    find: "  await ports.tables.write([{ op: 'delete', table: 'Replication', pk, sk, condition: { kind: 'revision', revision } }])",
    replace: '  void [pk, sk, revision]',
    caughtBy: { test: 'test/replication/disbelieved.test.ts' },
  },
  {
    name: 'an older copy that has made as many changes as it lacks is believed',
    file: 'lib/replication/takeBack/missingChanges.ts',
    find: 'own === undefined || own.id === run ?',
    replace: 'own === undefined || own.id !== null ?',
    caughtBy: { test: 'test/store/commitRuns.test.ts' },
  },
]
