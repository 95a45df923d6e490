import { extname } from 'node:path'

/** A module that lies beside another and is started, not imported: TypeScript in a clone, JavaScript in the package. */
export function besides(name: string, module: string): URL {
  return new URL(`${name}${extname(module)}`, module)
}
