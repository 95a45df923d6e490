import type { TestCloudOptions } from './testCloudOptions.ts'
import { twoRegions, type TestCloud } from './twoRegions.ts'

/** Two regions, opened before each test of the suite and closed after it: what is read of them is of the test that runs. */
export function cloudOfEachTest(options?: TestCloudOptions): TestCloud {
  const cloud = {} as TestCloud
  beforeEach(async () => {
    Object.assign(cloud, await twoRegions(options))
  })
  afterEach(() => {
    cloud.close()
  })
  return cloud
}
