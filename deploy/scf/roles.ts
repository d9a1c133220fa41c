/** Whether the run roles exist, asked of CAM before anything is touched; clock and calls are lent. */
import { TencentError } from '../../lib/errors.ts'
import type { CallTencent } from '../../lib/tencent/client.ts'

export const camApi = { service: 'cam', version: '2019-01-16' } as const

/** A run role by its name, and the flag that named it. */
export interface NamedRole {
  readonly name: string
  readonly flag: '--role' | '--list-role' | '--rotation-role'
}

/** For one call with its retries: a deployment can do without the answer. */
const callMs = 30_000

/** Where CAM answers for whoever talks to SCF there: the host beside it, or the same where the host is no product's. */
export function camEndpoint(scfEndpoint: string): string {
  return scfEndpoint.replace(/^https:\/\/scf\./, 'https://cam.')
}

/**
 * Refuses a role that CAM says does not exist; SCF would refuse it only after the code was changed. That CAM does not
 * answer, or not to this caller, is worth a note and no more.
 */
export async function checkRoles(
  roles: readonly NamedRole[],
  deps: { readonly call: CallTencent; monotonic(): number },
): Promise<{ readonly refusals: readonly string[]; readonly notes: readonly string[] }> {
  const refusals: string[] = []
  const notes: string[] = []
  for (const { name, flag } of roles) {
    try {
      await deps.call('GetRole', { RoleName: name }, deps.monotonic() + callMs)
    } catch (error) {
      if (!(error instanceof TencentError)) throw error
      if (isAbsence(error.code))
        refusals.push(
          `the role ${name} of ${flag} does not exist in this account; docs/deploy-tencent.md says how to make it ` +
            `(${error.message})`,
        )
      else notes.push(`whether the role ${name} of ${flag} exists could not be found out (${error.message})`)
    }
  }
  return { refusals, notes }
}

/** CAM's own code is the first; the second is what other products say. */
function isAbsence(code: string): boolean {
  return code === 'InvalidParameter.RoleNotExist' || /^ResourceNotFound(\.Role\w*)?$/.test(code)
}
