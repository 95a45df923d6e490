import type { SeededFault } from './seededFault.ts'

/** Faults that once lived through every test there was. */
export const issueFaults: readonly SeededFault[] = [
  {
    name: 'the hand-off of a rotation leaves the versions out that came before the last receipt',
    file: 'lib/replication/messages/record.ts',
    find: 'const versions = isAll ? changed : newestOf(await versionsAfter(tables, key.id, whole), changed)',
    replace: 'const versions = isAll ? changed : await versionsAfter(tables, key.id, whole)',
  },
  {
    name: 'order without epoch, in the domain',
    file: 'lib/kms/rows/epoch.ts',
    find: '(a.epoch > b.epoch || (a.epoch === b.epoch && a.revision >= b.revision))',
    replace: 'a.revision >= b.revision',
    caughtBy: { test: 'test/kms/epoch.test.ts' },
  },
  {
    name: 'order without epoch, in the store',
    file: 'lib/store/conditionHolds.ts',
    find: 'return order < 0 || (order === 0 && item.revision !== undefined && item.revision < revision)',
    replace: 'return order <= 0 && item.revision !== undefined && item.revision < revision',
    caughtBy: { test: 'test/store/sqlite.test.ts' },
  },
  {
    name: 'apply ignores the fence',
    file: 'lib/replication/apply.ts',
    find: "if (known !== undefined && fence < known) {\n    ports.log.info('Records",
    replace: "if (known !== undefined && fence < known - 1000) {\n    ports.log.info('Records",
  },
  {
    name: 'purge ignores the fence',
    file: 'lib/replication/link/purge.ts',
    find: '  if (known !== undefined && fence < known) return\n  const vault = await ports.cache.freshVault(vaultId)\n  if (vault !== undefined && vault.row.fence < fence) {',
    replace: '  const vault = await ports.cache.freshVault(vaultId)\n  if (vault !== undefined) {',
    caughtBy: { test: 'test/replication/gone.test.ts' },
  },
  {
    name: 'the path of a receipt is not verified',
    file: 'lib/replication/messages/receipts.ts',
    find: 'return isSameTree || receipts.every(',
    replace: 'return receipts.length >= 0 || isSameTree || receipts.every(',
    caughtBy: { test: 'test/replication/forged.test.ts' },
  },
  {
    name: 'receipts of an earlier link are taken',
    file: 'lib/replication/messages/receipts.ts',
    find: 'return receipt?.epoch === fenceText(row.fence) ? receipt : undefined',
    replace: 'return receipt',
  },
  {
    name: 'the copy goes on after a page that could not be sent',
    file: 'lib/replication/link/linkSource.ts',
    find: "    return enqueue(ports, 'outcome', task, retrySeconds)",
    replace: '',
    caughtBy: { test: 'test/replication/copyWaits.test.ts' },
  },
  {
    name: 'a replica covers what it has with a gap',
    file: 'lib/replication/storeKey.ts',
    find: 'const isWhole = key.versionsDigest === digest',
    replace: 'const isWhole = true',
    caughtBy: { test: 'test/replication/gap.test.ts' },
  },
  {
    name: 'records are stored where the vault is no replica any more',
    file: 'lib/replication/storeKey.ts',
    find: "condition: { kind: 'fields', fields: { primaryRegion, fence } } }",
    replace: "condition: { kind: 'newer', epoch: '~', revision: primaryRegion.length * fence } }",
  },
  {
    name: 'anybody may write a replica',
    file: 'lib/replication/apply.ts',
    find: '  requireReplicaOf(ports, vault, envelope)\n',
    replace: '  void requireReplicaOf\n',
    caughtBy: { test: 'test/replication/forged.test.ts' },
  },
  {
    name: 'any receipt clears a risk',
    file: 'lib/replication/atRisk.ts',
    find: '(row.epoch === covered.epoch && row.revision > covered.revision)',
    replace: '(row.epoch === covered.epoch && row.revision > covered.revision + 100)',
    caughtBy: { test: 'test/replication/lostMessages.test.ts' },
  },
  {
    name: 'CREATED without receipts',
    file: 'lib/replication/link/linkSource.ts',
    find: 'if (covered.includes(null)) return place',
    replace: 'if (covered.length > 1000) return place',
  },
  {
    name: 'identity goes on over a gap',
    file: 'lib/replication/tenancy/replicateIdentity.ts',
    find: 'if (entry.seq > head + 1) {',
    replace: 'if (entry.seq > head + 1000) {',
    caughtBy: { test: 'test/replication/lateRecords.test.ts' },
  },
  {
    name: 'a change commits while a replica is being accepted',
    file: 'lib/kms/mutation.ts',
    find: 'fields: { primaryRegion, lifecycleState, epoch, handOffTo, fence } } as const',
    replace: 'fields: { primaryRegion, lifecycleState, epoch } } as const',
  },
  {
    name: 'an old receipt overwrites a later one',
    file: 'lib/replication/link/linkSource.ts',
    find: "const { ok } = await tables.write([{ op: 'put', table: 'Replication', item: row, condition }])",
    replace: "const { ok } = await tables.write([{ op: 'put', table: 'Replication', item: row }]); void condition",
  },
  {
    name: 'the hand-off trusts that only the change is missing',
    file: 'lib/replication/handOff.ts',
    find: 'covered === null ? before === 0 : covered.epoch === key.epoch && covered.revision >= (before ?? Infinity)',
    replace: 'before !== undefined',
    caughtBy: { test: 'test/replication/quickChanges.test.ts' },
  },
  {
    name: 'the copy begins before the hand-off is on',
    file: 'lib/replication/link/linkSource.ts',
    find: '    const next = nextVault(ports, vault, { handOffTo: envelope.source })',
    replace:
      "    await copyKeys(ports, { task: 'copy', vaultId: vault.row.id, fence: vault.row.fence, ...treeStart })\n    const next = nextVault(ports, vault, { handOffTo: envelope.source, replicaStatus: 'CREATED' })",
  },
]
