import { UserError } from '../../lib/userError.ts'
import { askFaultServer } from './faultServer.ts'
import { typed } from '../typed.ts'

/** Says one line to the service that uses a directory; resolves with what it answers. @throws UserError where it refuses or none runs. */
export async function askService(directory: string, line: string): Promise<string> {
  const answer = await askFaultServer(directory, line).catch((cause: unknown) => {
    const reason = `No Vaultspan service uses ${directory}; start one with ${typed('start')}, or name its directory with --data.`
    throw new UserError(reason, { cause })
  })
  if (!answer.startsWith('ok: ')) throw new UserError(answer.replace(/^error: /, ''))
  return answer.slice('ok: '.length)
}
