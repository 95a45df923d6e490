/**
 * Round trips between areas of the world in ms, generously: the longest between any two regions of the two, rounded up.
 * An area is how a region's name begins.
 */
const roundTripMs: Readonly<Record<string, number>> = {
  'africa africa': 60,
  'africa americas': 300,
  'africa asia': 420,
  'africa europe': 230,
  'americas americas': 220,
  'americas asia': 380,
  'americas europe': 260,
  'asia asia': 280,
  'asia europe': 330,
  'europe europe': 80,
}

const areas: Readonly<Record<string, string>> = {
  af: 'africa',
  ap: 'asia',
  ca: 'americas',
  cn: 'asia',
  eu: 'europe',
  // The Middle East lies between: its longer ways are those of Asia.
  il: 'asia',
  me: 'asia',
  mx: 'americas',
  sa: 'americas',
  us: 'americas',
}

/** A name of an area that is not known here is far from everywhere. */
export function roundTrip(one: string, other: string): number {
  const pair = [areaOf(one), areaOf(other)].sort().join(' ')
  return roundTripMs[pair] ?? 420
}

function areaOf(region: string): string {
  return areas[region.split('-')[0] ?? ''] ?? 'unknown'
}

const leastMs = 1000
/** What SQS itself and our own work take beside the way. */
const workMs = 300

/** How long an answer may wait for the farthest peer: a new connection takes three round trips (TCP, TLS, the call). */
export function handOffBudgetMs(region: string, peers: readonly string[]): number {
  return Math.max(leastMs, ...peers.map((peer) => 3 * roundTrip(region, peer) + workMs))
}
