// What `serverless package`, `deploy` and `offline` need of us: bundles that are built, and parameters that were given.

/** Before whatever reads the zips in .build. */
const readsBundles = [
  'before:package:createDeploymentArtifacts',
  'before:deploy:function:packageFunction',
  'before:offline:start',
  'before:offline:start:init',
]

class VaultspanPlugin {
  constructor(serverless) {
    this.serverless = serverless
    let building
    const build = () => (building ??= import('./build.ts').then(({ buildBundles }) => buildBundles()))
    this.hooks = {
      initialize: () => this.requireGiven(),
      'before:deploy:deploy': () => this.requireFits(),
      ...Object.fromEntries(readsBundles.map((hook) => [hook, build])),
    }
  }

  /** A template may be made of examples; a deployment may not. */
  requireGiven() {
    const [command] = this.serverless.processedInput.commands
    const { missing } = this.parameters
    if (command !== 'deploy' || missing.length === 0) return
    const given = { stage: '--stage prod', regions: '--param regions=us-east-1,us-west-2', domain: '--param domain=D' }
    this.refuse(`serverless deploy also wants ${missing.map((name) => given[name]).join(' ')} (docs/deploy.md).`)
  }

  /** What npm run deploy asks of all regions before the first (deploy/deployed.ts). */
  async requireFits() {
    const { regions, ...parameters } = this.parameters
    const { requireFits } = await import('./deployed.ts')
    const { UserError } = await import('../lib/userError.ts')
    try {
      await requireFits({ ...parameters, regions: regions.split(','), stage: this.serverless.service.provider.stage })
    } catch (cause) {
      if (cause instanceof UserError) this.refuse(cause.message)
      throw cause
    }
  }

  get parameters() {
    return this.serverless.service.custom.parameters
  }

  refuse(message) {
    throw new this.serverless.classes.Error(message, 'VAULTSPAN_PARAMETERS')
  }
}

module.exports = VaultspanPlugin
