import { readFileSync } from 'node:fs'

/** One task of docs/policies.md: its statements, and what a user of its group may do and may not. */
export interface Task {
  readonly title: string
  readonly statements: readonly string[]
  readonly group: string
  readonly may: readonly string[]
  readonly mayNot: readonly string[]
  /** Whether all that the group gets is in the compartment shop. */
  readonly isInShop: boolean
}

const text = readFileSync(new URL('../../docs/policies.md', import.meta.url), 'utf8')

export const tasks: readonly Task[] = text
  .split(/^### /m)
  .slice(1)
  .map((section) => {
    const statements = (/```policy\n([\s\S]*?)```/.exec(section)?.[1] ?? '').trim().split('\n')
    const [, may = '', mayNot = ''] = /^May: (.+?)\. May not: (.+?)\.$/m.exec(section) ?? []
    const ofGroup = statements.filter((statement) => /^Allow group /.test(statement))
    return {
      title: section.split('\n')[0] ?? '',
      statements,
      group: /^Allow group (\S+)/.exec(statements[0] ?? '')?.[1] ?? '',
      may: may.split(', '),
      mayNot: mayNot.split(', '),
      isInShop: ofGroup.every((statement) => statement.includes(' in compartment shop')),
    }
  })
