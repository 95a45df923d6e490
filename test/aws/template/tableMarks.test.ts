import { grants } from '../../../deploy/grants.ts'
import { packagedTemplates, statementsOf, type Template } from './packagedTemplate.ts'

let home: Template
beforeAll(async () => {
  ;[home] = await packagedTemplates('--stage', 'prod')
})

test('only provisioning may write the HSM’s state, and two functions the tables’ marks; who else writes that table is denied these rows', () => {
  for (const name of Object.keys(grants)) {
    const statements = statementsOf(home, `${name.charAt(0).toUpperCase()}${name.slice(1)}Role`)
    const replication = statements.find(({ Sid }) => Sid === 'Replication')?.Action ?? []
    const denied = statements.filter(({ Sid, Effect }) => Sid === 'KeepHsmState' && Effect === 'Deny')
    const writes = ['dynamodb:PutItem', 'dynamodb:DeleteItem'].some((action) => replication.includes(action))
    const marks = ['reconcile', 'recover'].includes(name)
    const kept = [...(name === 'provision' ? [] : ['hsm']), ...(marks ? [] : ['tableMark'])]
    expect(denied.map(({ Condition }) => Condition)).toEqual(
      writes ? [{ 'ForAnyValue:StringEquals': { 'dynamodb:LeadingKeys': kept } }] : [],
    )
    expect(statements.some(({ Sid }) => Sid === 'Mark')).toBe(marks)
  }
})

test('every function may read what its peers know of its tables, and nothing else of theirs', () => {
  for (const name of Object.keys(grants)) {
    const statements = statementsOf(home, `${name.charAt(0).toUpperCase()}${name.slice(1)}Role`)
    const far = statements.filter(({ Resource }) => JSON.stringify(Resource).includes(':dynamodb:us-west-2:'))
    expect(far).toEqual([
      {
        Sid: 'AskPeers',
        Effect: 'Allow',
        Action: ['dynamodb:GetItem'],
        Resource: [
          {
            'Fn::Sub': 'arn:${AWS::Partition}:dynamodb:us-west-2:${AWS::AccountId}:table/vaultspan-prod-Replication',
          },
        ],
        Condition: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['peerMark'] } },
      },
    ])
  }
})
