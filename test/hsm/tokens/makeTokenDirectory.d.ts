// eslint-disable-next-line no-restricted-exports -- jest takes what it begins and ends with as a default export
export default function makeTokenDirectory(): void
