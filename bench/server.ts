import type { Bundles } from './bundles.ts'
import { startProgram } from './processes.ts'

/** The API in a process of its own: `programs/server`. */
export interface Server {
  readonly port: number
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** Since it was started. */
  count(): Promise<{ readonly connections: number; readonly requests: number }>
  close(): Promise<void>
}

export async function startServer(bundles: Bundles): Promise<Server> {
  const program = startProgram(bundles.program('server'), [])
  const port = await program.ask<number>('port')
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    count: () => program.ask('count'),
    close: program.close,
  }
}
