import type { OperationName } from '../../lib/http/operations.ts'

const self = 'Of themselves every user may do this without a statement; this is about other users.'
const ownKeys =
  'Of themselves every user may do this without a statement, signing with an API key and not by a session; this is about other users.'
const target = 'It is also asked of the compartment where it goes; ask for that one too.'
const both = 'It is asked of the compartment that it leaves and of the one where it goes; ask for both.'
const backup = 'It is asked of each compartment that the backup names; ask for each.'
const namespace =
  "TAG_NAMESPACE_USE is asked where the tag key's namespace is, which is not known here: this is as if it were in the same compartment."
const workload = 'No user calls this: a workload shows a token of an issuer that the tenancy trusts.'

/** What an explanation cannot know of an operation, because only the call says it. */
export const notes: Readonly<Partial<Record<OperationName, string>>> = {
  GetUser: self,
  ListApiKeys: self,
  UploadApiKey: ownKeys,
  DeleteApiKey: ownKeys,
  ChangeVaultCompartment: target,
  ChangeKeyCompartment: target,
  ChangeTagNamespaceCompartment: target,
  MoveCompartment: both,
  RestoreVaultFromFile: backup,
  RestoreVaultFromObjectStore: backup,
  RestoreKeyFromFile: backup,
  RestoreKeyFromObjectStore: backup,
  CreateTagDefault: namespace,
  UpdateTagDefault: namespace,
  ExplainPolicy: 'Whoever asks about a vault, a key or a compartment must also be allowed to inspect it.',
  ExchangeToken: workload,
  CreateSessionToken: 'With an API key alone: a session does not make another.',
}
