import { operations, type FunctionName } from '../lib/http/operations.ts'

/** The routes of the HTTP API, by the function that each leads to. */
export function httpEvents(): Readonly<Record<FunctionName, readonly { readonly httpApi: string }[]>> {
  const routesOf = (name: FunctionName) =>
    Object.values(operations)
      .filter(({ serves }) => serves === name)
      .map(({ method, path }) => ({ httpApi: `${method} ${path}` }))
  return {
    // Paths that no operation has are answered in OCI's form.
    vault: [...routesOf('vault'), { httpApi: '*' }],
    keys: routesOf('keys'),
    crypto: routesOf('crypto'),
    identity: routesOf('identity'),
    audit: routesOf('audit'),
  }
}
