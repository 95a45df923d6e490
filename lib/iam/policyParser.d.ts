import type { Verb } from './permissions.ts'

/** The syntax tree of one policy statement (contract §9.1). Keywords and resource types are in lower case, permissions in upper case. */
export type Statement = GrantStatement | EndorseStatement | AdmitStatement | DefineStatement

export interface GrantStatement {
  readonly kind: 'allow' | 'deny'
  readonly subject: Subject
  readonly action: Action
  readonly location: Location
  readonly where?: Condition
}

export interface EndorseStatement {
  readonly kind: 'endorse'
  readonly isDenial: boolean
  readonly subject: Subject
  readonly action: Action
  readonly tenancy: { readonly kind: 'any-tenancy' } | { readonly kind: 'tenancy'; readonly name: string }
  readonly where?: Condition
}

export interface AdmitStatement {
  readonly kind: 'admit'
  readonly isDenial: boolean
  readonly subject: Subject
  readonly tenancy: string
  readonly action: Action
  readonly location?: Location
  readonly where?: Condition
}

export interface DefineStatement {
  readonly kind: 'define'
  readonly defines: 'tenancy' | 'group' | 'dynamic-group' | 'compartment'
  readonly name: string
  readonly ocid: string
}

export type Subject =
  | { readonly kind: 'any-user' | 'any-group' }
  | { readonly kind: 'group' | 'dynamic-group'; readonly items: readonly SubjectItem[] }
  | { readonly kind: 'service'; readonly names: readonly string[] }

export type SubjectItem =
  | { readonly kind: 'id'; readonly ocid: string }
  | { readonly kind: 'name'; readonly domain?: string; readonly name: string }

export type Action =
  | { readonly kind: 'verb'; readonly verb: Verb; readonly resource: string }
  | { readonly kind: 'permissions'; readonly permissions: readonly string[]; readonly resource?: string }

export type Location =
  | { readonly kind: 'tenancy' }
  | { readonly kind: 'id'; readonly ocid: string }
  | { readonly kind: 'path'; readonly names: readonly string[] }

export type Condition = { readonly kind: 'any' | 'all'; readonly conditions: readonly Condition[] } | Test

export type Test =
  | { readonly kind: '=' | '!='; readonly variable: string; readonly value: Value }
  | { readonly kind: 'before' | 'after'; readonly variable: string; readonly text: string }
  | { readonly kind: 'between'; readonly variable: string; readonly low: string; readonly high: string }
  | { readonly kind: 'in'; readonly variable: string; readonly texts: readonly string[] }

export type Value =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'variable'; readonly name: string }

/** @throws SyntaxError (the class below) where the text is not one statement. */
export function parse(text: string): Statement

export class SyntaxError extends globalThis.SyntaxError {
  readonly expected: readonly { readonly type: string; readonly description?: string; readonly text?: string }[] | null
  readonly found: string | null
  readonly location: { readonly start: { readonly offset: number; readonly line: number; readonly column: number } }
}
