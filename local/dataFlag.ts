/** The directory that a command works on. */
export const dataFlag = { value: 'DIR', says: 'the directory where everything is kept', default: '.vaultspan' } as const
