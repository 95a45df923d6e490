import type { KmsPorts } from './kmsPorts.ts'

export type PausePorts = Pick<KmsPorts, 'timers' | 'random'>

/** A random part of a time that doubles, so that those who lost a race to each other spread out. */
export function pauseBetweenRounds({ timers, random }: PausePorts, round: number): Promise<void> {
  const part = (random(1)[0] ?? 0) / 256
  return timers.sleep(part * 4 * 2 ** round)
}
