/**
 * Suites that start whole services, kill them, open tokens or ask an emulator: `npm run test:processes`. `npm test` leaves
 * them out, unless one is named, so that it takes minutes; `npm run check` and CI run both.
 */
export const processSuites = [
  '/test/aws/localstack/',
  '/test/crash/',
  '/test/docs/commands\\.',
  '/test/docs/(programs|users)\\.',
  '/test/hsm/(custodians|cutOffTokens|endedCeremony|lostTokens|initAtOnce|kryopticHsm|nssHsm|poolOfOthers|restoreCutOff|restoreFollows|threads|unfinishedCeremony)\\.',
  '/test/local/workers/',
  '/test/local/(damagedDirectory|doctor|faultsCli|forgedPorts|hsm|init|lostAdministration|lostMachine|memory|processes|putBack|redrive)\\.',
  '/test/local/(apartPutBack|apartTokens|badInput|badStart|commands|compose|threeMachines|tour)\\.',
  '/test/local/(regionProcess|regionThreads|service|snapshot|status|tlsFlags|tokensMissing|twoMachines|twoMachinesRefused|watchedCertificate)\\.',
  '/test/model/',
  '/test/hsm/(rowsAway|tokenOwner)\\.',
  '/test/package/',
]
