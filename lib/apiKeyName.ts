/** Names one of a user's API keys within their tenancy. */
export function apiKeyName(userId: string, fingerprint: string): string {
  return `${userId}#${fingerprint}`
}
