// Preloaded by a deployed function's NODE_OPTIONS (awsSide.ts): Node's own clock is ahead for everything the function
// loads afterwards, as if the machine's were. The product knows nothing of it.
const { now } = Date
const aheadMs = Number(process.env['CLOCK_AHEAD_MS'])
const later = (): number => now() + aheadMs

globalThis.Date = new Proxy(Date, {
  construct: (target, given, made) => Reflect.construct(target, given.length === 0 ? [later()] : given, made) as object,
  get: (target, name) => (name === 'now' ? later : (Reflect.get(target, name) as unknown)),
})
