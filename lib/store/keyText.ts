/** DynamoDB's limits for the two parts of a key, in bytes of UTF-8; neither may be empty. */
export const maxPartitionKeyBytes = 2048
export const maxSortKeyBytes = 1024

/** Whether a text can be part of a key at all. */
export function isKeyText(text: string, maxBytes: number): boolean {
  return text !== '' && Buffer.byteLength(text) <= maxBytes && text.isWellFormed()
}

/** Whether an item with this key can exist. */
export function isKey(pk: string, sk: string): boolean {
  return isKeyText(pk, maxPartitionKeyBytes) && isKeyText(sk, maxSortKeyBytes)
}
