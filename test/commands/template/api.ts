/** The HTTP API: who is let through, how many, and what is logged. */
import { describe, expect, it } from 'vitest'
import { describeStack } from '../../../deploy/aws/stack.ts'
import { methods, routes } from '../../../lib/endpoint/routes.ts'
import { caseNames, deployment, ofType, resource, template, textOf } from './cases.ts'

describe('HTTP API', () => {
  it.each(caseNames)('every route but /healthz has the IAM authorizer, with %s', (name) => {
    const expected = routes.flatMap(({ path, view }) =>
      methods.map((method) => [`${method} ${path}`, view === 'health' ? undefined : 'AWS_IAM']),
    )
    const made = ofType(name, 'AWS::ApiGatewayV2::Route').map(([, { Properties }]) => [
      Properties.RouteKey,
      Properties.AuthorizationType,
    ])
    expect(made.sort()).toEqual(expected.sort())
    expect(ofType(name, 'AWS::ApiGatewayV2::Authorizer')).toEqual([])
  })

  it.each(caseNames)('the stage throttles, and /healthz by itself, with %s', (name) => {
    const { Properties, DependsOn } = resource(name, 'HttpApiStage')
    const most = name === 'keyless and everything else' ? 1000 : 50
    expect(Properties).toMatchObject({
      StageName: '$default',
      DefaultRouteSettings: { ThrottlingRateLimit: most, ThrottlingBurstLimit: 2 * most },
    })
    const open = ofType(name, 'AWS::ApiGatewayV2::Route').filter(
      ([, route]) => route.Properties.AuthorizationType === undefined,
    )
    expect(Object.keys(Properties.RouteSettings).sort()).toEqual(
      open.map(([, route]) => route.Properties.RouteKey).sort(),
    )
    for (const settings of Object.values(Properties.RouteSettings))
      expect(settings).toEqual({ ThrottlingRateLimit: 5, ThrottlingBurstLimit: 10 })
    expect(DependsOn).toEqual(expect.arrayContaining(open.map(([logicalId]) => logicalId)))
  })

  it('the access log is JSON of values that no client writes', () => {
    const { DestinationArn, Format } = resource('no parameters', 'HttpApiStage').Properties.AccessLogSettings
    expect(textOf(DestinationArn)).toBe('<HttpApiLogGroup.Arn>')
    expect(Format).not.toContain('\n')
    expect(Object.values(JSON.parse(Format)).sort()).toEqual([
      '$context.error.responseType',
      '$context.identity.sourceIp',
      '$context.identity.userArn',
      '$context.integration.status',
      '$context.integrationLatency',
      '$context.requestId',
      '$context.requestTime',
      '$context.responseLatency',
      '$context.responseLength',
      '$context.routeKey',
      '$context.status',
    ])
  })

  it('a domain of one’s own takes the place of the generated one', () => {
    const name = 'keyless and everything else'
    expect(resource(name, 'HttpApi').Properties.DisableExecuteApiEndpoint).toBe(true)
    expect(resource(name, 'Domain').Properties).toEqual({
      DomainName: 'aigc.example.com',
      DomainNameConfigurations: [
        {
          CertificateArn: 'arn:aws:acm:eu-central-1:123456789012:certificate/0123',
          EndpointType: 'REGIONAL',
          SecurityPolicy: 'TLS_1_2',
        },
      ],
    })
    expect(resource(name, 'DomainMapping').Properties).toEqual({
      ApiId: { Ref: 'HttpApi' },
      DomainName: { Ref: 'Domain' },
      Stage: { Ref: 'HttpApiStage' },
      ApiMappingKey: 'aigc',
    })
    expect(template(name).Outputs['DomainTarget']?.Value).toEqual({
      'Fn::GetAtt': ['Domain', 'RegionalDomainName'],
    })
    expect(template(name).Outputs['RegionalHostedZoneId']?.Value).toEqual({
      'Fn::GetAtt': ['Domain', 'RegionalHostedZoneId'],
    })
    expect(template(name).Outputs['HttpApiUrl']?.Value).toBe('https://aigc.example.com/aigc')
    const certificateArn = 'arn:aws:acm:us-east-1:123456789012:certificate/0123'
    const both = { domain: 'aigc.example.com', certificateArn, keepGeneratedName: 'true' }
    const { hidesGeneratedName, resources } = describeStack('x', deployment(both))
    expect(hidesGeneratedName).toBe(false)
    expect(resources.Outputs['HttpApiUrl']).toBeUndefined()
    expect(resource('no parameters', 'HttpApi').Properties.DisableExecuteApiEndpoint).toBe(false)
    expect(ofType('no parameters', 'AWS::ApiGatewayV2::DomainName')).toEqual([])
  })
})
