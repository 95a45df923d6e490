import type { MeteredVersion } from '../../kms/usage/metering.ts'
import type { QueueName } from '../../ports.ts'
import type { Changed } from '../fanOut.ts'
import { parseJson } from '../../parseJson.ts'

/** Work a region puts into a queue of its own, so that it goes on after a crash. Unsigned: it only makes rows be read again. */
export type Task =
  /** `after`: the mark up to which a drain that goes on has come; null: it begins. */
  | { readonly task: 'drain'; readonly peer: string; readonly drain: string; readonly after: string | null }
  | { readonly task: 'forward'; readonly to: string; readonly queue: QueueName; readonly envelope: string }
  | { readonly task: 'resendKey'; readonly vaultId: string; readonly keyId: string }
  | { readonly task: 'resendVault'; readonly vaultId: string }
  | { readonly task: 'makeWrappingKey'; readonly vaultId: string }
  | { readonly task: 'wantBackupKeys'; readonly tenancyId: string }
  | { readonly task: 'resendIdentity'; readonly tenancyId: string; readonly peer: string }
  | { readonly task: 'fanOut'; readonly changed: Changed }
  | { readonly task: 'meterVersion'; readonly version: MeteredVersion }
  | {
      readonly task: 'copy'
      readonly vaultId: string
      readonly fence: number
      readonly leaf: number
      readonly after: string | null
    }
  | { readonly task: 'adoptKeys'; readonly vaultId: string }
  | {
      readonly task: 'purgeKeys'
      readonly vaultId: string
      readonly fence: number
      readonly tenancyId: string
      readonly source: string
    }

const format = 'vaultspan/task/1'

interface TaskText {
  readonly format: typeof format
}

export function taskText(task: Task): string {
  return JSON.stringify({ format, ...task } satisfies Task & TaskText)
}

/** The task in a message; undefined where it is an envelope. */
export function parseTask(text: string): Task | undefined {
  // Most messages are envelopes of many kilobytes, which their reader parses anyhow.
  if (!text.includes(format)) return undefined
  const value = parseJson(text) as (Task & TaskText) | null
  return value?.format === format ? value : undefined
}
