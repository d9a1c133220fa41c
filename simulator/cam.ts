/**
 * CAM 2019-01-16, the access management, as far as whether a role exists
 * (https://www.tencentcloud.com/document/product/598/33557) and which keys an identity provider has
 * (https://www.tencentcloud.com/document/product/598/47113). Policies are
 * not modelled: a key may do everything but what `Key.denied` names.
 */
import { createHash } from 'node:crypto'
import { ApiError, action, type Service } from './service.ts'
import type { IdentityProvider } from './sts.ts'

/** What callers see of the account. Its `roles`, by name, trust SCF; its `providers`, by name, vouch for others. */
export function createCam({
  roles,
  providers,
}: {
  readonly roles: ReadonlySet<string>
  readonly providers: ReadonlyMap<string, IdentityProvider>
}): Service {
  const describeOidcConfig = action({ Name: 'string' }, ({ Name }) => {
    const provider = providers.get(Name)
    if (!provider) throw new ApiError('ResourceNotFound.IdentityNotExist', 'identity not exist')
    return {
      ProviderType: 11,
      IdentityUrl: provider.issuer,
      IdentityKey: Buffer.from(JSON.stringify(provider.jwks)).toString('base64'),
      ClientId: provider.audiences,
      Status: 11,
      Description: '',
      Name,
    }
  })
  const getRole = action({ RoleName: 'string?', RoleId: 'string?' }, ({ RoleName, RoleId }) => {
    const name = [...roles].find((role) =>
      RoleName === undefined ? idOf(role) === RoleId : role === RoleName,
    )
    if (name === undefined) throw new ApiError('InvalidParameter.RoleNotExist', 'role not exist')
    return {
      RoleInfo: {
        RoleId: idOf(name),
        RoleName: name,
        PolicyDocument: JSON.stringify({
          version: '2.0',
          statement: [
            { effect: 'allow', action: 'name/sts:AssumeRole', principal: { service: 'scf.qcloud.com' } },
          ],
        }),
        Description: '',
        AddTime: '2026-03-10 05:16:23',
        UpdateTime: '2026-03-10 05:16:23',
        ConsoleLogin: 0,
        RoleType: 'user',
        SessionDuration: 7200,
      },
    }
  })
  return {
    name: 'cam',
    version: '2019-01-16',
    callsPerSecond: () => 20,
    actions: new Map([
      ['GetRole', getRole],
      ['DescribeOIDCConfig', describeOidcConfig],
    ]),
  }
}

/** Nineteen digits, as of the service. */
function idOf(role: string): string {
  const [high = 0, low = 0] = createHash('sha256').update(role).digest()
  return `46116860184${String(high * 256 + low).padStart(8, '0')}`
}
