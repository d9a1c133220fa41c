/** docs/openapi.yaml as a judge of answers. */
import { readFileSync } from 'node:fs'
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { expect } from 'vitest'
import { parse } from 'yaml'

interface Header {
  readonly required?: boolean
  readonly schema: object
}

interface Operation {
  readonly responses: Readonly<
    Record<
      string,
      { headers?: Record<string, Header | { $ref: string }>; content?: Record<string, { schema: object }> }
    >
  >
}

const text = readFileSync(new URL('../../docs/openapi.yaml', import.meta.url), 'utf8')
export const openapi: { paths: Record<string, Record<string, Operation>>; components: object } = parse(text, {
  merge: true,
  maxAliasCount: -1,
})

const ajv = addFormats.default(new Ajv2020.default({ strict: false }))
ajv.addSchema({ $id: 'openapi', components: openapi.components })

/** Fails the test unless the answer is one that the document describes for this path template and method. */
export function expectConforming(
  path: string | null,
  method: string,
  answer: { status: number; headers: Readonly<Record<string, string>>; body: string },
): void {
  // What no operation describes, an unknown path or method, is answered as any problem is.
  const described = path === null ? undefined : openapi.paths[path]
  const operation =
    described?.[method.toLowerCase()] ?? described?.['get'] ?? openapi.paths['/tokens']?.['get']
  const response = operation?.responses[answer.status]
  const label = `${method} ${path} ${answer.status}`
  expect(response, `${label} is described`).toBeDefined()

  for (const [name, given] of Object.entries(response?.headers ?? {})) {
    const header = '$ref' in given ? resolve<Header>(given.$ref) : given
    const value = answer.headers[name.toLowerCase()]
    if (value === undefined) expect(header.required ?? false, `${label} has ${name}`).toBe(false)
    else expectValid(header.schema, value, `${label}: ${name}`)
  }
  const [type, media] = Object.entries(response?.content ?? {})[0] ?? []
  if (media && type) {
    expect(answer.headers['content-type']?.split(';')[0], label).toBe(type)
    if (method !== 'HEAD') expectValid(media.schema, JSON.parse(answer.body), label)
  } else {
    expect(answer.body, label).toBe('')
  }
}

const validators = new WeakMap<object, ValidateFunction>()

function expectValid(schema: object, value: unknown, label: string): void {
  const validate = validators.get(schema) ?? ajv.compile(absolute(schema))
  validators.set(schema, validate)
  validate(value)
  expect(validate.errors, label).toBeNull()
}

/** The schema with its references into the document as ajv finds them. */
function absolute(schema: object): object {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"openapi#/components/'))
}

function resolve<T>(ref: string): T {
  return ref
    .split('/')
    .slice(1)
    .reduce((at, name) => (at as Record<string, unknown>)[name], openapi as unknown) as T
}
