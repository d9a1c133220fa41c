/** The events in `events/`, recorded from the platforms that send them, and events like them. */
import { readdirSync, readFileSync } from 'node:fs'

export type Event = Record<string, unknown>

const folder = new URL('events/', import.meta.url)
export const recordings: readonly string[] = readdirSync(folder)

/** The recordings by what sent them: requests over HTTP, schedules, pings, and requests that are refused by name. */
export const requests = recordings.filter(
  (file) => !/^(eventbridge|scf-timer|manual|ping|vpc-lattice)/.test(file),
)
export const schedules = recordings.filter((file) => /^(eventbridge|scf-timer)/.test(file))
export const pings = recordings.filter((file) => file.startsWith('ping'))
export const refused = recordings.filter((file) => file.startsWith('vpc-lattice'))

/** A fresh copy of one recorded event. */
export function recorded(file: string): Event {
  return JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
}

/** A recorded event with one value replaced, at a dotted path. */
export function recordedWith(file: string, path: string, value: unknown): Event {
  const event = recorded(file)
  const names = path.split('.')
  const last = names.pop() as string
  const holder = names.reduce<Event>((at, name) => at[name] as Event, event)
  holder[last] = value
  return event
}

/** The recorded request without query parameters, of which the routes take none. */
export function withoutQuery(file: string): Event {
  const entries = Object.entries(recorded(file)).map(([name, value]) =>
    name === 'rawQueryString' ? [name, ''] : [name, /querystring/i.test(name) ? {} : value],
  )
  return Object.fromEntries(entries)
}

/** A GET by way of an HTTP API with one route for everything, with these headers alone. */
export function getEvent(path: string, headers: Readonly<Record<string, string>> = {}): Event {
  const event = recordedWith('http-api-v2.json', 'requestContext.routeKey', '$default')
  return { ...event, routeKey: '$default', rawPath: path, rawQueryString: '', headers }
}
