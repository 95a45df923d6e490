/** What a plan makes fail: the product must bear it. */
export class InjectedFault extends Error {}
