import { execFile } from 'node:child_process'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Resource {
  readonly Type: string
  readonly DeletionPolicy?: string
  readonly Properties: Readonly<Record<string, unknown>>
}

export type Template = { readonly Resources: Readonly<Record<string, Resource>> }

const run = promisify(execFile)

/** What osls makes of serverless.yml, without an account: of the home region and of its peer. */
export async function packagedTemplates(...more: readonly string[]): Promise<readonly [Template, Template]> {
  const to = await mkdtemp(join(tmpdir(), 'vaultspan-template-'))
  const { AWS_PROFILE: _, ...env } = process.env
  await run(process.execPath, ['deploy/package.ts', '--to', to, ...more], { env })
  const read = async (region: string) =>
    JSON.parse(await readFile(join(to, region, 'cloudformation-template-update-stack.json'), 'utf8')) as Template
  return [await read('us-east-1'), await read('us-west-2')]
}

export function ofType({ Resources }: Template, type: string): readonly (readonly [string, Resource])[] {
  return Object.entries(Resources).filter(([, { Type }]) => Type === type)
}

export interface Statement {
  readonly Sid?: string
  readonly Effect: string
  readonly Action: string | readonly string[]
  readonly Resource?: unknown
  readonly Condition?: unknown
}

/** Of a role's own policies. */
export function statementsOf(template: Template, role: string): readonly Statement[] {
  const { Policies } = template.Resources[role]?.Properties as {
    Policies: readonly { PolicyDocument: { Statement: readonly Statement[] } }[]
  }
  return Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
}
