export interface DomainOptions {
  readonly region: string
  readonly domain: string
  readonly hostedZoneId: string
}

/**
 * `kms.{region}.{domain}` for the region and `*.kms.{region}.{domain}` for its vaults: one certificate, two domain names
 * of the HTTP API, their records. API Gateway hands on the Host header as the client sent and signed it.
 */
export function customDomain({ region, domain, hostedZoneId }: DomainOptions): Record<string, object> {
  const host = `kms.${region}.${domain}`
  const names = { RegionDomain: host, VaultsDomain: `*.${host}` }
  return {
    Certificate: {
      Type: 'AWS::CertificateManager::Certificate',
      Properties: {
        DomainName: host,
        SubjectAlternativeNames: [names.VaultsDomain],
        ValidationMethod: 'DNS',
        // Both names are validated by the same record.
        DomainValidationOptions: [{ DomainName: host, HostedZoneId: hostedZoneId }],
      },
    },
    ...Object.fromEntries(Object.entries(names).flatMap(([id, name]) => domainName(id, name, hostedZoneId))),
  }
}

function domainName(id: string, name: string, hostedZoneId: string): readonly (readonly [string, object])[] {
  return [
    [
      id,
      {
        Type: 'AWS::ApiGatewayV2::DomainName',
        Properties: {
          DomainName: name,
          DomainNameConfigurations: [
            { CertificateArn: { Ref: 'Certificate' }, EndpointType: 'REGIONAL', SecurityPolicy: 'TLS_1_2' },
          ],
        },
      },
    ],
    [
      `${id}Mapping`,
      {
        Type: 'AWS::ApiGatewayV2::ApiMapping',
        Properties: { ApiId: { Ref: 'HttpApi' }, DomainName: { Ref: id }, Stage: { Ref: 'HttpApiStage' } },
      },
    ],
    [
      `${id}Record`,
      {
        Type: 'AWS::Route53::RecordSet',
        Properties: {
          HostedZoneId: hostedZoneId,
          Name: name,
          Type: 'A',
          AliasTarget: {
            DNSName: { 'Fn::GetAtt': [id, 'RegionalDomainName'] },
            HostedZoneId: { 'Fn::GetAtt': [id, 'RegionalHostedZoneId'] },
          },
        },
      },
    ],
  ]
}
