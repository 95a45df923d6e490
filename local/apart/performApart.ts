import type { ApartCommand, AtHand } from './atHand.ts'
import { exportRegion } from './exportRegion.ts'
import { renewCertificate } from './initRegion.ts'
import { forgetRegion } from './forgetRegion.ts'
import { trustRegion } from './trustRegion.ts'

/** What a command does to a region that is at hand. Resolves with a line for a person. @throws UserError */
export function workApart(region: AtHand, [name, what = '']: readonly [string, string?]): Promise<string> {
  switch (name) {
    case 'export':
      return exportRegion(region, what)
    case 'trust':
      return trustRegion(region, what)
    case 'forget':
      return forgetRegion(region, what, false)
    case 'forgetLost':
      return forgetRegion(region, what, true)
    case 'renew':
      return renewCertificate(region)
    default:
      return Promise.reject(new Error(`There is no command region ${name} for a region that runs.`))
  }
}

/** Of the service that runs the region: the words came by its socket. */
export async function performApart(
  region: AtHand,
  words: readonly string[],
): Promise<{ readonly said: string; readonly isChanged: boolean }> {
  const [name = '', what = ''] = words.map((word) => decodeURIComponent(word))
  const said = await workApart(region, [name, what])
  return { said, isChanged: (name as ApartCommand[0]) !== 'export' }
}
