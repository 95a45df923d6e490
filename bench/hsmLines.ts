export function line(what: string, perSecond: number): void {
  console.log(`  ${what.padEnd(62)} ${Math.round(perSecond).toLocaleString('en').padStart(10)}`)
}

export function goal(what: string, value: number, wanted: number, side: 'at least' | 'at most'): void {
  const isMet = side === 'at least' ? value >= wanted : value <= wanted
  const shown = value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2)
  console.log(`  ${what}: ${shown}; goal ${side} ${wanted.toLocaleString('en')}: ${isMet ? 'met' : 'MISSED'}`)
}
