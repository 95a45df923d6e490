/** Every variable that `npm start` reads; docs/operating.md says more of each. */
const variables = [
  ['REPLICATION_ACK', 'available | strict: whether an answer waits for the replica'],
  ['HANDOFF_BUDGET_MS', 'how long it waits (1000)'],
  ['ARRIVALS_MS', 'how long a replica waits for what has arrived and is not stored yet (250)'],
  ['HOST_NAMES', 'names under which a proxy leads here, separated by commas'],
  ['CRYPTO_AUDIT', 'on | off | required: whether Encrypt, Decrypt … are in the audit log; required: no answer without'],
  ['REQUIRE_SERVICE_POLICY', 'on | off: whether a replica needs the policy for the service'],
  ['KEY_CACHE_MS', 'how stale cached rows may be (60000)'],
  ['PREPARE_KEYS', 'on | off: whether wrapping keys are made in the background'],
  ['RATE_LIMITS', 'off | on: OCI’s requests a second'],
  ['SERVICE_LIMITS', 'off | on | NAME=NUMBER,…: OCI’s limits of a new tenancy'],
  ['HSM', 'simulated | pkcs11: whether the regions’ keys are in PKCS#11 tokens (docs/hsm.md), which then need'],
  ['PKCS11_MODULE', 'the path of the HSM’s library, and'],
  ['PKCS11_PIN_FILE', 'the file that holds the PIN of the tokens’ user'],
  ['PKCS11_LABEL', 'what the tokens’ labels begin with (vaultspan); the region’s name follows'],
  ['PKCS11_REGIONS', 'the regions that have a token, separated by commas (all)'],
  ['PKCS11_INIT_ARGUMENTS', 'the vendor’s text for C_Initialize, where its library needs one'],
  ['PKCS11_SOFTWARE_REPLICAS', 'off | on: whether a vault in a token may be replicated to a region without one'],
  ['BACKUP_ROOT', 'where backups to buckets are kept (DIR/backups)'],
  ['BACKUP_URI_HOSTS', 'hosts of pre-authenticated URIs, separated by commas'],
  ['ISSUER_HOSTS', 'hosts where keys of trusted issuers are fetched, separated by commas'],
  ['WORKERS', 'threads in each region that answer requests, where --workers is not given (the number of cores)'],
  ['WORKER_PATIENCE_MS', 'how long one of them may stand still before it is ended and started again (10000)'],
  ['LOG_LEVEL', 'info | warn | error | silent: info has every request, warn every refusal with its reason'],
] as const

const width = Math.max(...variables.map(([name]) => name.length))

export const environmentHelp = `Environment:\n${variables.map(([name, says]) => `  ${name.padEnd(width)}  ${says}`).join('\n')}`
