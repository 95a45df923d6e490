import { CommandLine } from '../local/cli/commandLine.ts'

/** What --help says of a flag, whatever the command. */
const flags = {
  stage: { value: 'STAGE', says: 'a stage of deploy/stages.json' },
  regions: { value: 'a,b', says: 'the AWS regions of the deployment' },
  home: { value: 'REGION', says: 'the home region (default the first of --regions)' },
  domain: { value: 'NAME', says: 'the domain that vaults answer under' },
  'hosted-zone': { value: 'ID', says: 'its Route 53 zone; without one, certificates and records are yours to make' },
  to: { value: 'DIR', says: 'where the templates go (default .build/templates)' },
  'public-key': { value: 'FILE', says: 'the administrator’s RSA public key, PEM' },
  name: { value: 'NAME', says: 'the tenancy’s name' },
  output: { value: 'FILE', says: 'an OCI configuration file, to which the profile is added under the tenancy’s name' },
  'key-file': { value: 'FILE', says: 'the administrator’s private key, named in that profile' },
  'delete-data': { value: 'PREFIX', says: 'deletes all tables, backups and keys too; give vaultspan-STAGE' },
  region: { value: 'REGION', says: 'the region whose tables are put back' },
  do: { value: 'STEP', says: 'stop, copy, recover or start, in this order (docs/deploy.md)' },
  target: {
    value: 'TO',
    says: 'where the export goes: s3://BUCKET/PREFIX, or a directory that is empty or not there yet',
  },
  from: { value: 'TIME', says: 'only heads with events from then on, as 2026-01-31 or 2026-01-31T12:00:00Z' },
  until: { value: 'TIME', says: 'only heads with events from before' },
  suffix: { value: 'TEXT', says: 'behind the tables’ names: what they were restored as (default -put-back)' },
  data: { value: 'DIR', says: 'the directory for logs and the OCI profile (default .vaultspan-offline)' },
  port: { value: 'BASE', says: 'region i listens at BASE + i (default 7650)' },
} as const

/** Options as `--name value`. @throws UserError for one that the command does not have. */
export function options<N extends keyof typeof flags>(
  name: string,
  does: string,
  names: readonly N[],
): Readonly<Partial<Record<N, string>>> {
  const command = new CommandLine(name).description(does)
  for (const each of names) command.option(`--${each} <${flags[each].value}>`, flags[each].says)
  command.parse()
  const given = command.options.flatMap((option) => {
    const value: unknown = command.getOptionValue(option.attributeName())
    return typeof value === 'string' ? [[option.name(), value] as const] : []
  })
  // INVARIANT: commander knows no other flags than those names; --version ends the process.
  return Object.fromEntries(given) as Partial<Record<N, string>>
}
