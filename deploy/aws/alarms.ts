/** How far back the alarms on the mirror look, which depends on how often it runs and how long. Pure. */

export interface AlarmWindows {
  /**
   * Longer than it may take from a run to the end of the next one: its flexible start, both its tries with the minute
   * that Lambda waits between them, and a minute until metrics arrive. So a good run and the one that failed after it, or a
   * run and what became of it, are seen together, whenever CloudWatch looks. A multiple of 60.
   */
  readonly runsSeconds: number
  /**
   * {@link runsSeconds} as many short periods: when a metric ends, CloudWatch looks some periods further back than it was
   * asked to, and short ones soon pass. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
   */
  readonly silence: { readonly periodSeconds: number; readonly periods: number }
  /** After that silence, how much longer until somebody is told. */
  readonly staleWaitSeconds: number
}

/** `timeoutSeconds` is the function's time limit. */
export function alarmWindows(run: {
  readonly periodSeconds: number
  readonly jitterMinutes: number
  readonly timeoutSeconds: number
}): AlarmWindows {
  const { periodSeconds, jitterMinutes, timeoutSeconds } = run
  const runsSeconds = 60 * Math.ceil((periodSeconds + timeoutSeconds) / 60 + jitterMinutes + 2)
  // Three periods, and at least 15 minutes; and a new stack must have had its first run by then.
  const staleSeconds = Math.max(3 * periodSeconds, 900, 2 * runsSeconds)
  // Of periods below an hour CloudWatch takes a day at most.
  const shortSeconds = runsSeconds <= 86_400 ? 60 : 3600
  const silence = { periodSeconds: shortSeconds, periods: Math.ceil(runsSeconds / shortSeconds) }
  return { runsSeconds, silence, staleWaitSeconds: staleSeconds - runsSeconds }
}
