import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

/** What of a service in compose.yaml its process can be started with. */
export interface ComposeService {
  readonly command: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly volumes: readonly string[]
  readonly ports?: readonly string[]
  readonly hostname?: string
  readonly restart: string
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
}

interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>
  readonly volumes: Readonly<Record<string, null>>
}

const root = join(import.meta.dirname, '..', '..')

export function composeFile(): ComposeFile {
  return parse(readFileSync(join(root, 'compose.yaml'), 'utf8'), { merge: true }) as ComposeFile
}

/** The program and the words of an instruction of the Containerfile in its JSON form. */
export function containerWords(instruction: 'ENTRYPOINT' | 'HEALTHCHECK'): readonly string[] {
  const text = readFileSync(join(root, 'Containerfile'), 'utf8')
  const [, words = '[]'] = new RegExp(`^${instruction} .*?(\\[.*\\])$`, 'm').exec(text) ?? []
  return JSON.parse(words) as string[]
}

/** Names in the order in which their services may run: each after all that it waits for. */
export function inOrder({ services }: ComposeFile): readonly string[] {
  const order: string[] = []
  const add = (name: string) => {
    if (order.includes(name)) return
    Object.keys(services[name]?.depends_on ?? {}).forEach(add)
    order.push(name)
  }
  Object.keys(services).forEach(add)
  return order
}
