/** Where a backup goes or comes from (contract §3.4). */
export type BackupPlace =
  | {
      readonly destination: 'BUCKET'
      readonly namespace: string
      readonly bucketName: string
      readonly objectName: string
    }
  | { readonly destination: 'PRE_AUTHENTICATED_REQUEST_URI'; readonly uri: string }

/** Where backups are kept. A tenancy's objects are apart from every other's, whatever names it gives them. */
export interface BackupStore {
  /**
   * False where an object is there that may not be replaced: then nothing is written.
   * @throws KmsError invalidParameter for a place that is not open to callers.
   */
  write(tenancyId: string, place: BackupPlace, text: string, mayReplace: (found: string) => boolean): Promise<boolean>
  /** Undefined where there is nothing. @throws KmsError invalidParameter for a place that is not open to callers, or for more than a restore takes. */
  read(tenancyId: string, place: BackupPlace): Promise<string | undefined>
}
