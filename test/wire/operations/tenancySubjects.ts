import { sendTo } from './sendTo.ts'
import { listed, someText, type Subject } from './subject.ts'

/** The tenancy, its regions, and what became of requests that take a while. */
export const tenancySubjects = {
  GetTenancy: {
    call: (who, { region, tenancyId }) => who.identity(region).getTenancy({ tenancyId }),
    answers: { tenancy: { homeRegionKey: 'IAD', name: someText } },
    about: 'user',
  },
  ListRegionSubscriptions: {
    call: (who, { region, tenancyId }) => who.identity(region).listRegionSubscriptions({ tenancyId }),
    answers: {
      items: [
        { regionKey: 'IAD', regionName: 'us-ashburn-1', status: 'READY', isHomeRegion: true },
        { regionKey: 'PHX', regionName: 'us-phoenix-1', status: 'READY', isHomeRegion: false },
      ],
    },
    about: 'user',
  },
  ListRegions: {
    call: (who, { region }) => who.identity(region).listRegions({}),
    answers: { items: listed({ key: 'PHX', name: 'us-phoenix-1' }) },
    about: 'none',
  },
  ListAvailabilityDomains: {
    call: (who, { region, compartmentId }) => who.identity(region).listAvailabilityDomains({ compartmentId }),
    answers: { items: listed({ name: expect.stringMatching(/^[0-9a-f]{4}:IAD-AD-1$/) as unknown }) },
    about: 'compartment',
  },
  ListFaultDomains: {
    call: (who, { region, compartmentId }) =>
      who.identity(region).listFaultDomains({ compartmentId, availabilityDomain: 'AD-1' }),
    answers: { items: [] },
    about: 'compartment',
  },
  GetConfiguration: {
    call: (who, { region, compartmentId }) => who.audit(region).getConfiguration({ compartmentId }),
    answers: { configuration: { retentionPeriodDays: 365 } },
    about: 'compartment',
  },
  UpdateConfiguration: {
    call: (who, { region, compartmentId }) => {
      const updateConfigurationDetails = { retentionPeriodDays: 365 }
      return who.audit(region).updateConfiguration({ compartmentId, updateConfigurationDetails })
    },
    answers: {},
    about: 'compartment',
    body: () => ({ retentionPeriodDays: 365 }),
    required: ['retentionPeriodDays'],
    homeRegionOnly: true,
  },
  ListWorkRequests: {
    call: (who, { region, compartmentId }) => who.identity(region).listWorkRequests({ compartmentId }),
    answers: { items: listed({ operationType: 'DELETE_COMPARTMENT', status: 'SUCCEEDED' }) },
    about: 'compartment',
  },
  GetWorkRequest: {
    call: (who, { region, workRequestId }) => who.identity(region).getWorkRequest({ workRequestId }),
    answers: { workRequest: { operationType: 'DELETE_COMPARTMENT', status: 'SUCCEEDED', percentComplete: 100 } },
    about: 'workRequest',
  },
  ListWorkRequestErrors: {
    call: async (who, target) => ({ items: await sendTo(who, 'ListWorkRequestErrors', target) }),
    answers: { items: [] },
    about: 'workRequest',
  },
  ListWorkRequestLogs: {
    call: async (who, target) => ({ items: await sendTo(who, 'ListWorkRequestLogs', target) }),
    answers: { items: listed({ message: 'Ended: SUCCEEDED.', timestamp: someText }) },
    about: 'workRequest',
  },
} as const satisfies Record<string, Subject>
