// What serverless.yml computes: osls reads .cjs, Node 24 reads the TypeScript behind it.
const stages = require('./stages.json')
const { alarms } = require('./alarms.ts')
const { backupBucket, backupBucketName } = require('./backupBucket.ts')
const { environmentOf } = require('./environment.ts')
const { customDomain } = require('./customDomain.ts')
const { fanOutEvents } = require('./fanOutEvents.ts')
const { hsmKeys } = require('./hsmKeys.ts')
const { httpEvents } = require('./httpEvents.ts')
const { exampleParameters, peersOf, requireParameters } = require('./parameters.ts')
const { roles } = require('./roles.ts')
const { stackExtensions } = require('./stackExtensions.ts')
const { tableKey } = require('./tableKey.ts')
const { tables } = require('./tables.ts')

async function parametersOf({ resolveVariable }) {
  const optional = async (name) => (await resolveVariable(`${name}, ""`)) || undefined
  const given = {
    stage: await optional('opt:stage'),
    regions: await optional('param:regions'),
    home: await optional('param:home'),
    domain: await optional('param:domain'),
    'hosted-zone': await optional('param:hostedZone'),
  }
  const missing = Object.keys(exampleParameters).filter((name) => given[name] === undefined)
  const parameters = requireParameters({
    ...given,
    ...Object.fromEntries(missing.map((name) => [name, exampleParameters[name]])),
  })
  const region = (await optional('opt:region')) ?? parameters.homeRegion
  const peers = peersOf(region, parameters)
  return { ...parameters, region, peers, missing, prefix: `vaultspan-${parameters.stage}` }
}

function settingsOf({ stage }) {
  return stages[stage]
}

/** Checked here too, so that a plain `serverless deploy` is refused as `npm run deploy` is. */
exports.parameters = async (context) => {
  const { regions, homeRegion, domain, prefix, missing } = await parametersOf(context)
  return { regions: regions.join(','), homeRegion, domain, prefix, missing }
}

exports.region = async (context) => (await parametersOf(context)).region

exports.httpEvents = httpEvents
exports.fanOutEvents = fanOutEvents

exports.settings = async (context) => settingsOf(await parametersOf(context))

/** What CloudFormation makes; `npm run offline` says what it has made instead, because nothing resolves references there. */
exports.made = async (context) => {
  const { resolveVariable } = context
  const accountId = await resolveVariable('param:accountId, ""')
  const backupBucket = backupBucketName(await parametersOf(context))
  return {
    accountId: accountId || { Ref: 'AWS::AccountId' },
    hsmStateKey: (await resolveVariable('param:hsmStateKey, ""')) || { 'Fn::GetAtt': ['HsmStateKey', 'Arn'] },
    vaultKeksKey: (await resolveVariable('param:vaultKeksKey, ""')) || { 'Fn::GetAtt': ['VaultKeksKey', 'Arn'] },
    backupBucket: accountId ? backupBucket.replace('${AWS::AccountId}', accountId) : { 'Fn::Sub': backupBucket },
  }
}

exports.resources = async (context) => {
  const parameters = await parametersOf(context)
  const { hostedZoneId, prefix } = parameters
  const settings = settingsOf(parameters)
  // A table that is protected would outlive the rollback of its first deployment: deploy/deploy.ts protects it afterwards.
  const isFirst = (await context.resolveVariable('param:first, ""')) === 'yes'
  return {
    Resources: {
      ...tables({ ...settings, prefix, isDeletionProtected: settings.isDeletionProtected && !isFirst }),
      ...(settings.hasTableKey ? tableKey(prefix) : {}),
      ...hsmKeys(parameters),
      ...backupBucket(parameters),
      ...roles({ ...parameters, isTraced: settings.isTraced }),
      ...alarms(parameters),
      ...(hostedZoneId === undefined ? {} : customDomain(parameters)),
    },
    extensions: stackExtensions({ ...settings, hasCustomDomain: hostedZoneId !== undefined }),
  }
}

exports.environment = async (context) => {
  const parameters = await parametersOf(context)
  const endpointPortBase = await context.resolveVariable('param:endpointPortBase, ""')
  return environmentOf({ ...parameters, ...(await exports.made(context)), endpointPortBase }, settingsOf(parameters))
}
