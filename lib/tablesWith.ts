import type { Tables } from './ports.ts'

/** Tables of which some calls are others: what is not given goes to `tables` as it is. */
export function tablesWith(tables: Tables, others: Partial<Tables>): Tables {
  return {
    get: (...call) => tables.get(...call),
    query: (...call) => tables.query(...call),
    queryIndex: (...call) => tables.queryIndex(...call),
    scan: (...call) => tables.scan(...call),
    write: (...call) => tables.write(...call),
    advance: (...call) => tables.advance(...call),
    ...others,
  }
}
