/** AWS as a test is given it: where its environment says, with nothing remembered of another test. */
import { systemTime } from '../../handlers/time.ts'
import type { Aws, AwsDependencies } from '../../lib/aws/clients.ts'

/** Does not look at the files that the environment names, unless that is lent, too. */
export async function awsDeps(own: Partial<AwsDependencies> = {}): Promise<Aws> {
  const sdk = await import('../../lib/aws/sdk.ts')
  return sdk.createAws(sdk, {
    ...systemTime,
    environment: () => ({}),
    home: () => '/nonexistent',
    network: { proxy: null },
    ...own,
  })
}

/** For whoever must not need AWS. */
export const noAws = (): Promise<Aws> => Promise.reject(new Error('this test needs no AWS'))
