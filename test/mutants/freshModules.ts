import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

/**
 * Every run imports the project's modules anew, as `?run=7` and so on, so that nothing a module remembers of one mutant is
 * there for the next. What is read and stripped of its types once is kept.
 */
const sources = new Map<string, string>()

export function importsAnew(): (file: string) => Promise<unknown> {
  let run = 0
  registerHooks({
    resolve: (specifier, context, next) => {
      const resolved = next(specifier, context)
      const isOurs = resolved.url.startsWith('file:') && !resolved.url.includes('/node_modules/')
      const ofRun = /\?run=\d+$/.exec(context.parentURL ?? '')
      return isOurs && ofRun !== null ? { ...resolved, url: `${resolved.url}${ofRun[0]}` } : resolved
    },
    load: (url, context, next) => {
      const file = /^(file:.*\.ts)\?run=\d+$/.exec(url)?.[1]
      if (file === undefined) return next(url, context)
      const known = sources.get(file)
      const source = known ?? stripTypeScriptTypes(readFileSync(fileURLToPath(file), 'utf8'))
      sources.set(file, source)
      return { format: 'module', source, shortCircuit: true }
    },
  })
  return (file) => {
    run += 1
    return import(`${pathToFileURL(file).href}?run=${run}`)
  }
}
