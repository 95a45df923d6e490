import { startCloud, type Cloud } from '../../local/cloud/startCloud.ts'
import { knownRsaPair } from '../harness/knownRsaPair.ts'
import { noHurry } from '../harness/noHurry.ts'
import { suiteBase } from './suiteBase.ts'

/** A cloud in this process, on the same ports each time. */
export async function inCloud(directory: string, body: (cloud: Cloud) => Promise<void>): Promise<void> {
  const settings = { preparesKeys: false, requiresServicePolicy: false, ...noHurry }
  const cloud = await startCloud({ directory, port: await suiteBase(), generateRsa: knownRsaPair, settings })
  await body(cloud).finally(() => cloud.close())
}
