import { s3Target } from '../../../deploy/audit/s3Target.ts'

test.each([
  ['s3://archive', { bucket: 'archive', prefix: '' }],
  ['s3://archive/', { bucket: 'archive', prefix: '' }],
  ['s3://archive/audit/prod', { bucket: 'archive', prefix: 'audit/prod/' }],
  ['s3://archive/audit/', { bucket: 'archive', prefix: 'audit/' }],
  ['copies/audit', undefined],
])('%s is %o', (text, target) => {
  expect(s3Target(text)).toEqual(target)
})

test.each(['s3://', 's3:///audit', 's3://Not_A_Bucket/x'])('%s names no bucket', (text) => {
  expect(() => s3Target(text)).toThrow('names no bucket; it looks like s3://archive/audit.')
})
