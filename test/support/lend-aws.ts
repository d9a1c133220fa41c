/** AWS as a test lends it: where its environment says, with nothing remembered of another test. */
import { systemTime } from '../../handlers/time.ts'
import { type Aws, type AwsDependencies, createAws } from '../../lib/aws/clients.ts'

export function lendAws(own: Partial<AwsDependencies> = {}): Aws {
  return createAws({ ...systemTime, files: () => [], ...own })
}

/** For whoever must not need AWS. */
export const noAws: Aws = {
  client() {
    throw new Error('this test needs no client of AWS')
  },
  call: () => Promise.reject(new Error('this test calls no AWS')),
}
