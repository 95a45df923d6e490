import type { OperationRow } from './operations.ts'

/** Operations of OCI on HSM clusters and external key managers: they answer 501 to a signed caller (contract §2.6). */
const clusters = '/20180608/hsmClusters'
const endpoints = '/20180608/ekmsPrivateEndpoints'
const cluster = `${clusters}/{hsmClusterId}`

type OutOfScope = Pick<OperationRow, 'method' | 'path'>

export const outOfScope = {
  ListHsmClusters: { method: 'GET', path: clusters },
  CreateHsmCluster: { method: 'POST', path: clusters },
  GetHsmCluster: { method: 'GET', path: cluster },
  UpdateHsmCluster: { method: 'PUT', path: cluster },
  ChangeHsmClusterCompartment: { method: 'POST', path: `${cluster}/actions/changeCompartment` },
  ScheduleHsmClusterDeletion: { method: 'POST', path: `${cluster}/actions/scheduleDeletion` },
  CancelHsmClusterDeletion: { method: 'POST', path: `${cluster}/actions/cancelDeletion` },
  UploadPartitionCertificates: { method: 'POST', path: `${cluster}/actions/uploadPartitionCertificates` },
  DownloadCertificateSigningRequest: { method: 'POST', path: `${cluster}/actions/downloadCertificateSigningRequest` },
  EnableAuditMgmtLogging: { method: 'POST', path: `${cluster}/actions/enableAuditMgmtLogging` },
  DisableAuditMgmtLogging: { method: 'POST', path: `${cluster}/actions/disableAuditMgmtLogging` },
  InitiateAuditLogging: { method: 'POST', path: `${cluster}/actions/initiateAuditLogging` },
  UpdateAuditLoggingDestination: { method: 'PUT', path: `${cluster}/actions/updateAuditLoggingDestination` },
  GetPreCoUserCredentials: { method: 'GET', path: `${cluster}/preCoUserCredentials` },
  ListHsmPartitions: { method: 'GET', path: `${cluster}/hsmPartitions` },
  GetHsmPartition: { method: 'GET', path: `${cluster}/hsmPartitions/{hsmPartitionId}` },
  ListEkmsPrivateEndpoints: { method: 'GET', path: endpoints },
  CreateEkmsPrivateEndpoint: { method: 'POST', path: endpoints },
  GetEkmsPrivateEndpoint: { method: 'GET', path: `${endpoints}/{ekmsPrivateEndpointId}` },
  UpdateEkmsPrivateEndpoint: { method: 'PUT', path: `${endpoints}/{ekmsPrivateEndpointId}` },
  UpdateRegisteredVaultForMtls: {
    method: 'PUT',
    path: '/20180608/vaults/{vaultId}/updateRegisteredVaultForMtls',
  },
  DeleteEkmsPrivateEndpoint: { method: 'DELETE', path: `${endpoints}/{ekmsPrivateEndpointId}` },
} as const satisfies Record<string, OutOfScope>

/** What OCI has and this service does not, by the first two segments of paths that no operation has. */
export const notOffered = {
  '20160918/users': 'states, capabilities, passwords, MFA devices and tokens of users; users sign with API keys',
  '20160918/authenticationPolicies': 'passwords and their rules; users sign with API keys',
  '20160918/domains': 'identity domains; there is the Default one alone',
  '20160918/identityProviders': 'identity providers',
  '20160918/networkSources': 'network sources',
  '20160918/tagNamespaces': 'locks of tag namespaces and lists of tags for cost tracking',
  '20160918/tags': 'changing many tags at once and standard tags',
  '20160918/tagDefaults': 'locks of tag defaults',
  '20160918/taggingWorkRequests': 'lists of work requests about tags',
  n: 'Object Storage',
  '20180608/secrets': 'secrets',
  '20190301/secretbundles': 'secrets',
} as const satisfies Record<string, string>
