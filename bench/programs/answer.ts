/** How a measured program talks to the bench: a question over IPC, one answer to each. */
export interface Question {
  readonly kind: string
  readonly parameters: Readonly<Record<string, unknown>>
}

export type Reply = { readonly result: unknown } | { readonly error: string }

type Answer = (parameters: never) => unknown

/** Answers every question by its kind, until the bench lets go. */
export function answerBench(answers: Readonly<Record<string, Answer>>): void {
  process.on('message', async ({ kind, parameters }: Question) => {
    process.send?.(await reply(answers[kind], parameters))
  })
  // Kept connections would keep it alive.
  process.on('disconnect', () => process.exit())
}

async function reply(answer: Answer | undefined, parameters: Question['parameters']): Promise<Reply> {
  try {
    if (!answer) throw new Error('no such question')
    return { result: await answer(parameters as never) }
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
