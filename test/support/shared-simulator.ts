/** One simulator for all tests of a file. */
import { afterAll, beforeEach } from 'vitest'
import { startTencentSimulator, type TencentSimulator } from '../../simulator/simulator.ts'

/**
 * Ends with the file. Each test meets no fault and no call of those before, and begins a second later by the simulator's
 * clock, so that it is not throttled for their calls.
 */
export async function shareSimulator(
  options: Parameters<typeof startTencentSimulator>[0],
): Promise<TencentSimulator> {
  let tests = 0
  const simulator = await startTencentSimulator({ now: () => Date.now() + 1000 * tests, ...options })
  beforeEach(() => {
    tests++
    simulator.clearFaults()
    simulator.calls.length = 0
  })
  afterAll(() => simulator.close())
  return simulator
}
