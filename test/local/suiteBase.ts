import { claimBase } from './claimedBase.ts'

let claim: ReturnType<typeof claimBase> | undefined

afterAll(async () => {
  await (await claim)?.release()
})

/**
 * One base for all clouds of a suite, one after another. Of port 0 a vault gets one of those that systems hand out by
 * themselves, which may be anybody's when the cloud is started again.
 */
export async function suiteBase(): Promise<number> {
  claim ??= claimBase()
  return (await claim).base
}
