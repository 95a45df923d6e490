/** Which items of a batch are to come again; all others are done. */
export interface BatchFailures {
  readonly batchItemFailures: { itemIdentifier: string }[]
}

export function failing(itemIdentifiers: readonly string[]): BatchFailures {
  return { batchItemFailures: itemIdentifiers.map((itemIdentifier) => ({ itemIdentifier })) }
}

/** Works all entries at once; what fails is reported and comes again, holding up no other. */
export async function failedOf<T extends { readonly itemIdentifier: string }>(
  entries: Iterable<T>,
  work: (entry: T) => Promise<void>,
  report: (cause: unknown) => void,
): Promise<readonly string[]> {
  const failed = await Promise.all(
    [...entries].map(async (entry) => {
      try {
        await work(entry)
        return []
      } catch (cause) {
        report(cause)
        return [entry.itemIdentifier]
      }
    }),
  )
  return failed.flat()
}
