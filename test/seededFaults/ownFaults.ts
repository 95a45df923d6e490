import type { SeededFault } from './seededFault.ts'

/** Twenty more, among them what the simulation itself has found. */
export const ownFaults: readonly SeededFault[] = [
  {
    name: 'a key is settled from rows of two moments',
    file: 'lib/kms/keys/settleKey.ts',
    find: 'if (version.revision === key.revision) return',
    replace: 'if (version.revision >= key.revision) return',
  },
  {
    name: 'coverage is read with the rows and not before them',
    file: 'lib/replication/storeKey.ts',
    find: '  const known = await coverageOf(ports, vault, sent.id)\n  const [storedKey, previous] = await Promise.all([\n    cache.freshKey(vault.keys, sent.id),',
    replace:
      '  const [storedKey, known, previous] = await Promise.all([\n    cache.freshKey(vault.keys, sent.id),\n    coverageOf(ports, vault, sent.id),',
  },
  {
    name: 'the risks of a replica that is gone stay',
    file: 'lib/replication/link/linkSource.ts',
    find: '  await clearRisksOf(ports.tables, envelope.source, vault.row.id)\n',
    replace: '  void clearRisksOf\n',
  },
  {
    name: 'two deliveries of one bundle are taken for a forgery',
    file: 'lib/replication/link/linkDestination.ts',
    find: "if ((await standing(ports, envelope, vaultId, fence)) !== 'isOpen') return onLinkBundle(ports, envelope, body)",
    replace: '',
  },
  {
    name: 'identity that the stream lost is nobody’s business',
    file: 'lib/replication/reconcile.ts',
    find: '  await reconcileIdentity(ports)\n',
    replace: '  void reconcileIdentity\n',
  },
  {
    name: 'a risk whose receipt came first stays',
    file: 'lib/replication/reconcile.ts',
    find: '  for (const peer of ports.regions) if (peer !== ports.region) await clearArrived(ports, peer)\n',
    replace: '  void clearArrived\n',
  },
  {
    name: 'a change is answered before it is handed off',
    file: 'lib/kms/handOffChange.ts',
    find: 'if ((await handOff.send(change)) || !handOff.isStrict) return',
    replace: 'void handOff.send(change).catch(() => undefined); if (handOff.isStrict || !handOff.isStrict) return',
  },
  {
    name: 'a change that could not be handed off is not listed',
    file: 'lib/replication/handOff.ts',
    find: '        await markAtRisk(ports.tables, change.vault, peer, resource, ports.clock())\n',
    replace: '        void markAtRisk\n',
  },
  {
    name: 'the fan-out believes that a change without a receipt has arrived',
    file: 'lib/replication/fanOut.ts',
    find: 'if (await isCovered(ports.tables, vault, row)) return',
    replace: 'if (await isCovered(ports.tables, vault, row) || row.revision > 6) return',
  },
  {
    name: 'reconciliation asks nobody',
    file: 'lib/replication/reconcile.ts',
    find: '    await ask(ports, vault)\n',
    replace: '',
  },
  {
    name: 'a deleted vault keeps its keys in the replica',
    file: 'lib/replication/apply.ts',
    find: '...(isDestroyed ? await withoutKeks(ports, vault) : []),',
    replace: '...(isDestroyed && vault.row.revision < 0 ? await withoutKeks(ports, vault) : []),',
  },
  {
    name: 'a retry token leaves no row',
    file: 'lib/kms/mutation.ts',
    find: 'if (request !== undefined && request.pk !== signature?.pk) writes.push',
    replace: 'if (request !== undefined && request.pk === signature?.pk) writes.push',
  },
  {
    name: 'a record does not bring its retry token',
    file: 'lib/replication/storeKey.ts',
    find: '...(isNewer ? await requestWrite(tables, request) : []),',
    replace: '',
  },
  {
    name: 'a replica purges what stands again',
    file: 'lib/replication/link/purge.ts',
    find: "  if ((await ports.tables.get('Vaults', vaultId, vaultSk)) !== undefined) return\n",
    replace: '',
    caughtBy: { test: 'test/replication/faults.test.ts' },
  },
  {
    name: 'a change is put over another that came in between',
    file: 'lib/kms/keys/commitKey.ts',
    find: 'condition: unchangedSince(previous)',
    replace: 'condition: undefined as never',
  },
  {
    name: 'a purge leaves the versions',
    file: 'lib/replication/link/purge.ts',
    find: 'if (page.items.length === 0) break',
    replace: 'if (page.items.length < 3) break',
  },
  {
    name: 'a failed message of the inbox is taken for done',
    file: 'handlers/replicate/apply.ts',
    find: "if (outcome === 'done') return []",
    replace: "if (outcome !== 'wait') return []",
  },
  {
    name: 'a peer’s wrapping key does not come with its vault',
    file: 'lib/replication/apply.ts',
    find: '      ...wrappingKeyWrite(vault.keys, row, record.wrappingKey),\n      ...placeMark',
    replace: '      ...placeMark',
  },
  {
    name: 'the status of a change is that of any change',
    file: 'lib/replication/status.ts',
    find: 'return last !== undefined && isAtLeast(last.receipt.covered, change) && isOf(last.receipt, stored) ? last : undefined',
    replace: 'return last',
  },
  {
    name: 'a sealed row is believed unread',
    file: 'lib/kms/rows/rowMac.ts',
    find: '  if (!keys.isRowMac(coveredText(stored), mac)) {',
    replace: '  if (mac.length === 0 && !keys.isRowMac(coveredText(stored), mac)) {',
    caughtBy: { test: 'test/replication/faults.test.ts' },
  },
]
