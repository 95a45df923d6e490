import { randomUUID } from 'node:crypto'
import { goneCompartment, named, type Stage, type Target } from './stage.ts'
import { listed, someText, type Subject } from './subject.ts'

const statements = ['Allow group Administrators to read keys in tenancy']
const day = 86_400_000

/** The Identity client's operations and the Audit client's. */
export const identitySubjects = {
  ListCompartments: {
    call: (who, { region, compartmentId }) => who.identity(region).listCompartments({ compartmentId }),
    answers: { items: listed({ lifecycleState: 'ACTIVE' }) },
    about: 'compartment',
  },
  CreateCompartment: {
    call: (who, { region, compartmentId, name }, conditions) => {
      const createCompartmentDetails = { compartmentId, name, description: 'd' }
      return who.identity(region).createCompartment({ createCompartmentDetails, ...conditions })
    },
    fresh: named,
    answers: { compartment: { lifecycleState: 'ACTIVE' }, etag: someText },
    about: 'compartment',
    takes: ['opc-retry-token'],
    body: ({ compartmentId }) => ({
      compartmentId,
      name: 'n',
      description: 'd',
      freeformTags: {},
      definedTags: {},
    }),
    required: ['compartmentId', 'name', 'description'],
    homeRegionOnly: true,
  },
  GetCompartment: {
    call: (who, { region, subcompartmentId: compartmentId }) => who.identity(region).getCompartment({ compartmentId }),
    answers: { compartment: { lifecycleState: 'ACTIVE' }, etag: someText },
    about: 'subcompartment',
  },
  UpdateCompartment: {
    call: (who, { region, subcompartmentId: compartmentId }, conditions) => {
      const updateCompartmentDetails = { description: 'other' }
      return who.identity(region).updateCompartment({ compartmentId, updateCompartmentDetails, ...conditions })
    },
    fresh: freshCompartment,
    answers: { compartment: { description: 'other' }, etag: someText },
    about: 'subcompartment',
    takes: ['if-match'],
    body: () => ({ name: 'other', description: 'other', freeformTags: {}, definedTags: {} }),
    homeRegionOnly: true,
  },
  DeleteCompartment: {
    call: (who, { region, subcompartmentId: compartmentId }, conditions) =>
      who.identity(region).deleteCompartment({ compartmentId, ...conditions }),
    fresh: freshCompartment,
    answers: { opcWorkRequestId: someText },
    about: 'subcompartment',
    takes: ['if-match'],
    homeRegionOnly: true,
  },
  MoveCompartment: {
    call: (who, { region, subcompartmentId, compartmentId: targetCompartmentId }, conditions) => {
      const moveCompartmentDetails = { targetCompartmentId }
      const request = { compartmentId: subcompartmentId, moveCompartmentDetails, ...conditions }
      return who.identity(region).moveCompartment(request)
    },
    fresh: async (stage) => {
      const { compartmentId, ...target } = await freshCompartment(stage)
      return { ...target, compartmentId: (await freshCompartment(stage)).subcompartmentId || compartmentId }
    },
    answers: { opcWorkRequestId: someText },
    about: 'subcompartment',
    takes: ['if-match', 'opc-retry-token'],
    body: ({ subcompartmentId }) => ({ targetCompartmentId: subcompartmentId }),
    required: ['targetCompartmentId'],
    homeRegionOnly: true,
  },
  RecoverCompartment: {
    call: (who, { region, subcompartmentId: compartmentId }, conditions) =>
      who.identity(region).recoverCompartment({ compartmentId, ...conditions }),
    fresh: async ({ oci, ready }) => ({ ...ready, ...(await goneCompartment(oci)) }),
    answers: { compartment: { lifecycleState: 'ACTIVE' }, etag: someText },
    about: 'subcompartment',
    takes: ['if-match'],
    homeRegionOnly: true,
  },
  ListPolicies: {
    call: (who, { region, compartmentId }) => who.identity(region).listPolicies({ compartmentId }),
    answers: { items: listed({ lifecycleState: 'ACTIVE' }) },
    about: 'compartment',
  },
  CreatePolicy: {
    call: (who, { region, compartmentId, name }, conditions) => {
      const createPolicyDetails = { compartmentId, name, description: 'd', statements }
      return who.identity(region).createPolicy({ createPolicyDetails, ...conditions })
    },
    fresh: named,
    answers: { policy: { statements, lifecycleState: 'ACTIVE' }, etag: someText },
    about: 'compartment',
    takes: ['opc-retry-token'],
    body: ({ compartmentId }) => ({
      compartmentId,
      name: 'n',
      description: 'd',
      statements,
      versionDate: '2026-01-01',
      freeformTags: {},
      definedTags: {},
    }),
    required: ['compartmentId', 'name', 'description', 'statements'],
    homeRegionOnly: true,
  },
  GetPolicy: {
    call: (who, { region, policyId }) => who.identity(region).getPolicy({ policyId }),
    answers: { policy: { lifecycleState: 'ACTIVE' }, etag: someText },
    about: 'policy',
  },
  UpdatePolicy: {
    call: (who, { region, policyId }, conditions) => {
      const updatePolicyDetails = { description: 'other' }
      return who.identity(region).updatePolicy({ policyId, updatePolicyDetails, ...conditions })
    },
    fresh: freshPolicy,
    answers: { policy: { description: 'other' }, etag: someText },
    about: 'policy',
    takes: ['if-match'],
    body: () => ({
      description: 'other',
      statements,
      versionDate: '2026-01-01',
      freeformTags: {},
      definedTags: {},
    }),
    homeRegionOnly: true,
  },
  DeletePolicy: {
    call: (who, { region, policyId }, conditions) => who.identity(region).deletePolicy({ policyId, ...conditions }),
    fresh: freshPolicy,
    answers: {},
    about: 'policy',
    takes: ['if-match'],
    homeRegionOnly: true,
  },
  ListEvents: {
    call: (who, { region, compartmentId }) => {
      // This client labels local time `Z`; a day either way is wide enough for every zone.
      const range = { startTime: new Date(Date.now() - day), endTime: new Date(Date.now() + day) }
      return who.audit(region).listEvents({ compartmentId, ...range })
    },
    answers: { items: listed({ cloudEventsVersion: '0.1' }) },
    about: 'compartment',
  },
} as const satisfies Record<string, Subject>

async function freshCompartment({ oci, ready }: Stage): Promise<Target> {
  const createCompartmentDetails = { compartmentId: oci.tenancyId, name: randomUUID(), description: 'd' }
  const { compartment } = await oci.identity().createCompartment({ createCompartmentDetails })
  return { ...ready, subcompartmentId: compartment.id }
}

async function freshPolicy({ oci, ready }: Stage): Promise<Target> {
  const createPolicyDetails = { compartmentId: oci.tenancyId, name: randomUUID(), description: 'd', statements }
  return { ...ready, policyId: (await oci.identity().createPolicy({ createPolicyDetails })).policy.id }
}
