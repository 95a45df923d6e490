/** Which items of a batch are to come again; all others are done. */
export interface BatchFailures {
  readonly batchItemFailures: { itemIdentifier: string }[]
}

export function failing(itemIdentifiers: readonly string[]): BatchFailures {
  return { batchItemFailures: itemIdentifiers.map((itemIdentifier) => ({ itemIdentifier })) }
}
