import type { RandomBytes } from './ocid.ts'
import type { Timers } from './ports.ts'

/** A time that doubles with each try. */
export interface Growth {
  readonly firstMs: number
  readonly maxMs: number
}

export interface BackOffPorts {
  readonly timers: Pick<Timers, 'sleep'>
  readonly random: RandomBytes
}

/** Milliseconds after so many tries have failed, the first being 1. */
export function grownMs({ firstMs, maxMs }: Growth, tries: number): number {
  return Math.min(maxMs, firstMs * 2 ** (tries - 1))
}

/** Waits a random part of that time, so that those who lost a race to each other spread out. */
export function backOff({ timers, random }: BackOffPorts, growth: Growth, tries: number): Promise<void> {
  const part = (random(1)[0] ?? 0) / 255
  return timers.sleep(part * grownMs(growth, tries))
}
