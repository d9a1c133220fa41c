/** JSON text with CloudFormation references in it, for properties that take a document as a string. Pure. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

const intrinsics = ['Ref', 'Fn::Sub']

/** `JSON.stringify`, where an object such as `{Ref: 'HttpApi'}` inside `value` stands for the text it refers to. */
export function renderJson(value: Json): Json {
  const references: Json[] = []
  const text = JSON.stringify(value, (_, part) => {
    const [name, ...others] = typeof part === 'object' && part !== null ? Object.keys(part) : []
    if (name === undefined || others.length > 0 || !intrinsics.includes(name)) return part
    references.push(part)
    return mark
  })
  const [first = '', ...pieces] = text.split(mark)
  return { 'Fn::Join': ['', [first, ...pieces.flatMap((piece, i) => [references[i] ?? null, piece])]] }
}

/** In no document of ours. */
const mark = '⟦reference⟧'
