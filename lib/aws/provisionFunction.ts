import { pooledRandom } from '../pooledRandom.ts'
import { AwsRegion } from './awsRegion.ts'
import { awsSettings } from './awsSettings.ts'
import { provisionRegion, type ProvisionStep } from './provisionRegion.ts'
import { requiredVariable } from './requiredVariable.ts'

/** Invoked by the deployer, with AWS credentials: no route leads here. */
export function provisionFunction(): (step: ProvisionStep) => Promise<object> {
  const settings = awsSettings(process.env)
  const { store, state, keks } = new AwsRegion(settings, requiredVariable(process.env, 'HSM_STATE_KEY'))
  const ports = { ...state, ...store, keks, homeRegion: settings.homeRegion, random: pooledRandom(), clock: Date.now }
  return (step) => provisionRegion(ports, step)
}
