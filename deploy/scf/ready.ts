/** Whether a function URL answers, asked before what it replaces is taken away; clock and requests are lent. */
import { DeployError } from './apply.ts'

/** Sends `GET`, signed or not, and gives the status and what else the answer says, or throws. */
export type Get = (
  url: string,
  options: { readonly signed: boolean },
) => Promise<{ readonly status: number; readonly text: string }>

/** With these SCF turns a caller away (https://www.tencentcloud.com/document/product/583/35311); HTTP has the second. */
const refusals: readonly unknown[] = [401, 403, 441]

/** How long a function may take to start and its address to be known. */
const readyMs = 60_000
const pauseMs = 1_000

/**
 * Waits until the function behind a URL answers. Returns a note where that cannot be known because SCF asks for more
 * than this caller may: who may change functions need not be allowed to call them. Throws `DeployError` when it does
 * not answer.
 */
export async function waitUntilReady(
  { name, url, auth }: { readonly name: string; readonly url: string | null; readonly auth: 'CAM' | 'NONE' },
  deps: { readonly get: Get; monotonic(): number; sleep(ms: number): Promise<void> },
): Promise<string | null> {
  const deadline = deps.monotonic() + readyMs
  for (;;) {
    const { status, words } = url === null ? noAddress : await ask(`${url}/healthz`, auth === 'CAM', deps.get)
    if (status === 200) return null
    if (auth === 'CAM' && refusals.includes(status))
      return `whether ${name} answers could not be found out: this key may not scf:InvokeFunctionUrl`
    if (deps.monotonic() + pauseMs > deadline)
      throw new DeployError(
        'NotReady',
        `function ${name} does not answer at ${url}/healthz (${words}), so what it replaces is left as it is; ` +
          `look at the log of ${name} in the SCF console, then run this again`,
      )
    await deps.sleep(pauseMs)
  }
}

const noAddress = { status: null, words: 'it has no public address' }

async function ask(
  url: string,
  signed: boolean,
  get: Get,
): Promise<{ status: number | null; words: string }> {
  try {
    const { status, text } = await get(url, { signed })
    return { status, words: `${status} ${text.slice(0, 200)}` }
  } catch (error) {
    return { status: null, words: String(error) }
  }
}
