/** Stands in a bundle for a library that its function never calls (deploy/bundles.ts). */
throw new Error(
  'This function was packaged without the library that it calls here: deploy/bundles.ts says for whom it is.',
)
