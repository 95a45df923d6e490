/** As OCI and AWS write them: us-ashburn-1, us-east-1. */
export function isRegionName(text: string): boolean {
  return /^[a-z]{2,}(-[a-z]+)+-[0-9]+$/.test(text)
}
