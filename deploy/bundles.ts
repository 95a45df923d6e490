/** The Lambda bundles: a zip per folder of handlers, each with the entry that serverless.yml names. */
export const bundles = ['vault', 'keys', 'crypto', 'identity', 'audit', 'replicate', 'schedule', 'provision'] as const
export type Bundle = (typeof bundles)[number]

/** Libraries that one function alone calls; the others are packaged without. */
export const libraryOf: Readonly<Record<string, Bundle>> = {
  // ECDSA over a digest (lib/hsm/primitives/ecdsa.ts).
  '@noble/curves/nist.js': 'crypto',
  // Tokens of trusted issuers (lib/iam/oidc/oidcToken.ts).
  jose: 'identity',
}

/** What a new instance loads before it answers stays small: bench/coldStart.ts. */
export const maxBundleBytes = 400_000
export const maxImportMs = 80

export const buildDirectory = '.build'

/** Where a bundle's module lies, below the build directory and inside its zip. */
export function bundledModule(bundle: Bundle): string {
  return `handlers/${bundle}/index.js`
}
