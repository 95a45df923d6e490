import { awsClientOptions } from '../lib/store/awsClientOptions.ts'

export type EmulatorOptions = ReturnType<typeof emulatorOptions>

/** For clients of an emulator; it takes any credentials. */
export function emulatorOptions(region: string, endpoint: string) {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' }
  const options = awsClientOptions({ region, endpoint })
  // The first call makes the emulator start its database.
  return { ...options, credentials, requestHandler: { ...options.requestHandler, requestTimeout: 60_000 } }
}
