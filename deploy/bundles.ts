/** The Lambda bundles: a zip per folder of handlers, each with the entry that serverless.yml names. */
export const bundles = ['vault', 'keys', 'crypto', 'identity', 'audit', 'replicate', 'provision'] as const
export type Bundle = (typeof bundles)[number]

/** INVARIANT: what a new instance must load before it answers stays small (README: cold start). */
export const maxBundleBytes = 400_000

export const buildDirectory = '.build'

/** Where a bundle's module lies, below the build directory and inside its zip. */
export function bundledModule(bundle: Bundle): string {
  return `handlers/${bundle}/index.mjs`
}
