const role = 'check --role: a role of that name must exist, and trust scf.qcloud.com'
const serviceRole = 'open the SCF console once, so that it makes its service role SCF_QcsRole'

const cls = 'open the CLS console once, to switch the service on'

/** What to do about SCF's and CLS's error codes, where that is known. `lib/tencent/client.ts` knows those of every product. */
const advice: Readonly<Record<string, string>> = {
  'ResourceNotFound.RoleCheck': role,
  'ResourceNotFound.Role': role,
  'InvalidParameter.RoleCheck': role,
  'FailedOperation.CallRoleFailed': 'check that the role of --role trusts scf.qcloud.com',
  'UnauthorizedOperation.CAM':
    'docs/deploy-tencent.md has the policy of the one who deploys; cam:PassRole is part of it',
  'UnauthorizedOperation.Role': serviceRole,
  'FailedOperation.QcsRoleNotFound': serviceRole,
  'ResourceNotFound.Namespace': 'make the namespace in the SCF console, or leave --namespace out',
  'InvalidParameterValue.Runtime':
    'this region does not have the runtime; choose another --runtime, or another --region',
  'FailedOperation.ClsServiceUnregistered': cls,
  'OperationDenied.AccountNotExists': cls,
  'InvalidParameterValue.Cls': 'the log topic of the function is gone; run this again with --alarms',
  'ResourceNotFound.AlarmNoticeNotExist': 'check --alarms: a notice group of CLS in this region',
  'UnsupportedOperation.UnsupportedRegion': 'choose a --region that has CLS, or leave --alarms out',
  'OperationDenied.AccountIsolate': 'settle the account',
  'FailedOperation.UnOpenedService': 'open the SCF console once, to switch the service on',
  'FailedOperation.InsufficientBalance': 'settle the account',
  'ResourceUnavailable.InsufficientBalance': 'settle the account',
  'LimitExceeded.Function': 'delete functions that nobody needs, or ask Tencent for a higher limit',
  UnsupportedRegion: 'choose a --region that has SCF',
}

/** A phrase, or nothing. */
export function advise(code: string): string {
  return advice[code] ?? ''
}
