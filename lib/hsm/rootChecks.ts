/** Of one token: for each generation of its roots what tells both keys from all others. */
export type RootChecks = Readonly<Record<string, string>>
