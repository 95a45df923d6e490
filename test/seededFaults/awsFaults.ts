import type { SeededFault } from './seededFault.ts'

/** On AWS alone. */
export const awsFaults: readonly SeededFault[] = [
  {
    name: 'a table that was put back to an older point in time is not noticed',
    file: 'lib/aws/putBack/tableMarks.ts',
    find: '(marks.get(name) ?? 0) < knows',
    replace: '(marks.get(name) ?? 0) < 0',
    caughtBy: { test: 'test/aws/runtime/tableMarks.test.ts' },
  },
  {
    name: 'tables that were all put back are compared with each other alone',
    file: 'lib/aws/putBack/tableMarks.ts',
    find: 'Math.max(...marks.values(), known, before',
    replace: 'Math.max(...marks.values(), before',
    caughtBy: { test: 'test/aws/runtime/tableMarks.test.ts' },
  },
  {
    name: 'an instance serves though reconcile has found the tables put back',
    file: 'lib/aws/putBack/tableStanding.ts',
    find: 'row?.putBack != null || (await',
    replace: '(await',
    caughtBy: { test: 'test/aws/runtime/tableMarks.test.ts' },
  },
  {
    name: 'an instance believes a look that is as old as the table it lies in',
    file: 'lib/aws/putBack/tableStanding.ts',
    find: '(await this.#isBehind(row))',
    replace: '(await Promise.resolve(false))',
    caughtBy: { test: 'test/aws/runtime/tableMarks.test.ts' },
  },
  {
    name: 'keys that are wrapped anew lose the context of their vault',
    file: 'lib/aws/kms/wrappedKeks.ts',
    find: "await ports.keys.reEncrypt(Buffer.from(wrapped.dataKey, 'base64'), kekContext(ports, context))",
    replace: "await ports.keys.reEncrypt(Buffer.from(wrapped.dataKey, 'base64'), {})",
    caughtBy: { test: 'test/aws/runtime/wrapStoredKeys.test.ts' },
  },
]
