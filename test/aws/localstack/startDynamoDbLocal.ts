import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { freePort } from '../../../offline/freePort.ts'
import { StartedProgram } from '../../../offline/startedProgram.ts'
import type { Emulator } from '../../../offline/startLocalStack.ts'

/** DynamoDB Local, where only Java is: DYNAMODB_LOCAL_DIR has DynamoDBLocal.jar. Else the sentence that says why there is none. */
export async function startDynamoDbLocal(environment = process.env): Promise<Emulator | string> {
  const directory = environment['DYNAMODB_LOCAL_DIR']
  if (directory === undefined || directory === '') return 'DYNAMODB_LOCAL_DIR does not say where DynamoDB Local is'
  const jar = join(resolve(directory), 'DynamoDBLocal.jar')
  if (!existsSync(jar)) return `there is no ${jar}`
  try {
    execFileSync('java', ['-version'], { stdio: 'ignore' })
  } catch {
    return 'there is no java on the PATH'
  }
  const port = await freePort()
  const libraries = `-Djava.library.path=${join(resolve(directory), 'DynamoDBLocal_lib')}`
  const program = new StartedProgram(
    'java',
    [libraries, '-jar', jar, '-inMemory', '-disableTelemetry', '-port', String(port)],
    { env: environment },
  )
  const endpoint = `http://127.0.0.1:${port}`
  try {
    // It refuses an unsigned request: an answer all the same.
    await program.answersAt(endpoint, 30_000, () => true)
  } catch (cause) {
    await program.stop()
    throw new Error('DynamoDB Local did not start.', { cause })
  }
  return { endpoint, kind: 'DynamoDB Local', stop: () => program.stop() }
}
