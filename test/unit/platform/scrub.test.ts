/** The oracle is a naive search: mark every place where a secret stands, replace each run of marks. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createScrubber, guardScrub, scrubJson, withheld } from '../../../lib/platform/scrub.ts'

const metacharacters = '\\^$.*+?()[]{}|/-'
/** UTF-16 units with everything that could be special to a pattern, an escape or UTF-8: lone surrogates, too. */
const unit = fc.oneof(
  fc.constantFrom(...`${metacharacters}"'%&;#x<>nu0aZ \n\t\0é漢`),
  fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  fc.constant('😀'),
)
const anyText = fc.array(unit, { maxLength: 60 }).map((units) => units.join(''))
const anySecret = fc.array(unit, { minLength: 6, maxLength: 150 }).map((units) => units.join(''))
/** Without what begins an escape. */
const plainSecret = anySecret.map((secret) => secret.replace(/[%\\&]/g, '+'))
/** Of few letters, so that secrets overlap, contain one another and share their beginnings. */
const fewLetters = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom('a', 'b'), { minLength, maxLength }).map((units) => units.join(''))

function knowing(secrets: Iterable<string | undefined>, capacity?: number): (text: string) => string {
  const { addSecrets, scrub } = createScrubber(capacity === undefined ? {} : { capacity })
  addSecrets(secrets)
  return scrub
}

function scrubNaively(text: string, secrets: readonly string[]): string {
  const marks = new Uint8Array(text.length)
  for (const secret of secrets)
    for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + 1))
      marks.fill(1, at, at + secret.length)
  let scrubbed = ''
  for (const [at, mark] of marks.entries()) {
    if (mark === 0) scrubbed += text[at]
    else if (marks[at - 1] !== 1) scrubbed += '***'
  }
  return scrubbed
}

/** A token that is the same in every run; no two are alike. */
function token(number: number, length = 64): string {
  let word = `${number}.`
  for (let state = number + 1; word.length < length; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    word += (state >>> 8).toString(36)
  }
  return word.slice(0, length)
}

function tokens(count: number, length?: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => token(from + i, length))
}

const asJson = (text: string): string => JSON.stringify(text).slice(1, -1)
const asUrl = (text: string): string => encodeURIComponent(text.toWellFormed())
const spellUnits = (text: string, spell: (code: number) => string): string =>
  Array.from({ length: text.length }, (_, i) => spell(text.charCodeAt(i))).join('')
const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0')
const asBytes = (text: string): string => Buffer.from(text).toString('hex').replace(/../g, '%$&')
const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}
const asXml = (text: string): string => text.replace(/[&<>"']/g, (one) => entities[one] ?? one)

/** One kind of escape over and over, which is undone for whatever the secret looks like. */
const spellings: Readonly<Record<string, (secret: string) => string>> = {
  'as it is': (secret) => secret,
  JSON: asJson,
  'JSON in JSON': (secret) => asJson(asJson(secret)),
  'JSON, four deep': (secret) => asJson(asJson(asJson(asJson(secret)))),
  'JSON of PHP, which escapes slashes': (secret) => asJson(secret).replaceAll('/', '\\/'),
  '\\u': (secret) => spellUnits(secret, (code) => `\\u${hex(code, 4)}`),
  '\\U in capitals': (secret) => spellUnits(secret, (code) => `\\u${hex(code, 4).toUpperCase()}`),
  '\\x': (secret) => spellUnits(secret, (code) => (code > 255 ? `\\u${hex(code, 4)}` : `\\x${hex(code, 2)}`)),
  JavaScript: (secret) => secret.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\t', '\\t'),
  URL: asUrl,
  'URL in a URL': (secret) => asUrl(asUrl(secret)),
  'URL in small letters': (secret) => asUrl(secret).replace(/%../g, (one) => one.toLowerCase()),
  'percent, all bytes': asBytes,
  'percent, all bytes, capitals': (secret) => asBytes(secret).toUpperCase(),
  XML: asXml,
  'XML in XML': (secret) => asXml(asXml(secret)),
  'XML, decimal': (secret) => spellUnits(secret, (code) => `&#${code};`),
  'XML, hexadecimal': (secret) => spellUnits(secret, (code) => `&#x${hex(code, 1)};`),
  'XML, hexadecimal, capitals': (secret) => spellUnits(secret, (code) => `&#X${hex(code, 4).toUpperCase()};`),
}
const mixtures: Readonly<Record<string, (secret: string) => string>> = {
  'URL in JSON': (secret) => asJson(asUrl(secret)),
  'JSON in a URL': (secret) => asUrl(asJson(secret)),
  'XML in JSON': (secret) => asJson(asXml(secret)),
  'JSON in XML': (secret) => asXml(asJson(secret)),
  'JSON in XML in a URL in JSON': (secret) => asJson(asUrl(asXml(asJson(secret)))),
}

describe('createScrubber', () => {
  it('takes out every known secret, those that touch or overlap as one', () => {
    const scrub = knowing(['secret', 'secret-and-more', 'more-and-more', undefined, ''])
    expect(scrub('a secret, a secret-and-more, a Secret')).toBe('a ***, a ***, a Secret')
    expect(scrub('secretsecret secret-and-more-and-more')).toBe('*** ***')
  })

  it('agrees with a naive search', () => {
    const secrets = fc.array(fewLetters(6, 140), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(
        secrets,
        fc.array(fewLetters(0, 200)),
        fc.infiniteStream(fc.nat()),
        (secrets, texts, picks) => {
          const text = texts
            .map((text) => text + (secrets[picks.next().value % secrets.length] ?? ''))
            .join(' ')
          expect(knowing(secrets)(text)).toBe(scrubNaively(text, cutLong(secrets)))
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('finds each of a secret of any length, wherever it stands', () => {
    for (let length = 6; length <= 200; length++) {
      const secret = token(length, length)
      const scrub = knowing([secret])
      expect([secret, ` ${secret}`, `${secret} `, `${secret}!${secret}`].map(scrub), secret).toEqual([
        '***',
        ' ***',
        '*** ',
        '***!***',
      ])
      const spoilt = [`${secret.slice(0, -1)}!`, `!${secret.slice(1)}`]
      if (length <= 64) expect(spoilt.map(scrub)).toEqual(spoilt)
    }
  })

  it('keeps what is outside, and gives back the text in which nothing is found', () => {
    fc.assert(
      fc.property(fc.array(anySecret, { maxLength: 20 }), anyText, (secrets, text) => {
        const scrubbed = knowing(secrets)(text)
        expect(scrubbed).not.toBe(withheld)
        if (scrubbed === text) return
        // What is left stands in the text, in this order.
        let at = 0
        for (const left of scrubbed.split('***')) {
          expect(text.indexOf(left, at)).toBeGreaterThanOrEqual(at)
          at = text.indexOf(left, at) + left.length
        }
      }),
    )
    const scrub = knowing(tokens(1000))
    for (const text of [
      '',
      'x',
      'a line',
      '100% of a\\b & c',
      '%zz %e9 \\u12 &#x; &nope; &#9999999;',
      '%c0%80 %e0%80%80 %ed%a0%80 %f0%80%80%80 %f4%90%80%80 %f8%88%80%80%80',
      token(1001),
    ])
      expect(scrub(text)).toBe(text)
  })

  it('finds the same in whichever order secrets were added', () => {
    const secrets = fc.array(fc.oneof(fewLetters(6, 70), anySecret), { minLength: 2, maxLength: 12 })
    fc.assert(
      fc.property(secrets, fewLetters(0, 200), (secrets, text) => {
        const all = text + secrets.join('')
        expect(knowing(secrets.toReversed())(all)).toBe(knowing(secrets)(all))
      }),
    )
  })

  it.each(Object.entries(spellings))('finds any secret: %s', (_, spell) => {
    fc.assert(
      fc.property(anySecret, (secret) => {
        expect(knowing([secret])(`⟦${spell(secret)}⟧`)).toBe('⟦***⟧')
      }),
    )
  })

  it.each(Object.entries(mixtures))('finds a secret: %s', (_, spell) => {
    fc.assert(
      fc.property(plainSecret, (secret) => {
        expect(knowing([secret])(`⟦${spell(secret)}⟧`)).toBe('⟦***⟧')
      }),
    )
  })

  it('finds a secret that looks escaped itself', () => {
    for (const secret of [
      'a%41"b',
      'pass%41%22word',
      '\\u0041\\n"\\x41',
      '&amp;"&#47;\\',
      '%5cnq"zz',
      'secret\\',
      '50%25 &lt;"',
    ]) {
      const scrub = knowing([secret])
      for (const spell of Object.values(spellings)) expect(scrub(`⟦${spell(secret)}⟧`), secret).toBe('⟦***⟧')
    }
    const scrub = knowing(['pass%41%22word'])
    expect(scrub('passA"word passA%22word pass%2541%2522word')).toBe('*** *** ***')
  })

  it('finds a secret behind what takes its first letter for an escape of another kind', () => {
    expect(knowing(['nab"cdef'])('C:\\nab%22cdef')).toBe('C:\\***')
    expect(knowing(['41ab"cdef'])('%41ab\\"cdef')).toBe('%***')
    expect(knowing(['lt;ab"cdef'])('&lt;ab\\"cdef')).toBe('&***')
  })

  it('finds eight layers of escapes, each taken out as a whole, and no ninth', () => {
    let spelled = 'say "secret"'
    for (let layer = 0; layer < 8; layer++) spelled = asJson(spelled)
    const scrub = knowing(['say "secret"'])
    expect(scrub(`"${spelled}"`)).toBe('"***"')
    expect(scrub(asJson(spelled))).toBe(asJson(spelled))
  })

  it('finds base64 of a secret, and of any text that holds it', () => {
    const bytes = fc.uint8Array({ maxLength: 7 })
    fc.assert(
      fc.property(anySecret, bytes, bytes, fc.boolean(), fc.boolean(), (secret, before, after, url, json) => {
        const bare = Buffer.from(json ? asJson(secret) : secret)
        const all = Buffer.concat([before, bare, after]).toString(url ? 'base64url' : 'base64')
        const left = all.slice(0, Math.ceil((before.length * 8) / 6))
        const right = all.slice(Math.floor(((before.length + bare.length) * 8) / 6))
        const scrub = knowing([secret])
        for (const spell of [String, asUrl, (text: string) => text.replaceAll('/', '\\/')]) {
          const parts = scrub(spell(all)).split('***')
          expect(parts).toHaveLength(2)
          // A character of the neighbours may go, too, where it is what the secret's escaped form begins with.
          expect(spell(left).startsWith(parts[0] ?? '-')).toBe(true)
          expect(spell(right).endsWith(parts[1] ?? '-')).toBe(true)
        }
      }),
    )
  })

  it('takes a secret literally, not as a pattern', () => {
    const scrub = knowing(['a.c+(e)$', 'lone \ud800 half', metacharacters, '******'])
    expect(scrub('a.c+(e)$ abc+(e)$ lone \ud800 half lone \ud801 half')).toBe(
      '*** abc+(e)$ *** lone \ud801 half',
    )
    expect(scrub(`<${metacharacters}> ***** ******`)).toBe('<***> ***** ***')
  })

  it('takes out words, too, when they are secrets', () => {
    expect(knowing(['created', 'window'])('the window was created; windows, creation')).toBe(
      'the *** was ***; ***s, creation',
    )
  })

  it('passes over what is too short to be a secret, and what is none', () => {
    const scrub = knowing(['null', 'error', '', undefined, null, 12_345_678, {}, ['abcdef']] as never[])
    expect(scrub('null error 12345678 [object Object] abcdef')).toBe(
      'null error 12345678 [object Object] abcdef',
    )
    const base64 = Buffer.from('error').toString('base64')
    expect(scrub(base64)).toBe(base64)
  })

  it('does not look for what a secret of escapes reads as, where that is short', () => {
    const scrub = knowing(['\\u0061\\u0062\\u0063\\u0064\\u0065'])
    expect(scrub('abcde or not')).toBe('abcde or not')
  })

  it('tells secrets apart that have no UTF-8', () => {
    const scrub = knowing(['\ud800abcdef', '\ud801abcdef'])
    expect(scrub('\ud800abcdef and \ud801abcdef')).toBe('*** and ***')
  })

  it('finds hex of what has 1,024 units, and not of a document', () => {
    const asHex = (text: string): string => Buffer.from(text).toString('hex')
    const scrub = knowing([token(1, 1024), token(2, 1025)])
    expect(scrub(asHex(token(1, 1024)))).toBe('***')
    expect(scrub(asHex(token(2, 1025)))).toBe(asHex(token(2, 1025)))
  })

  it('takes out a whole escape of which half belongs to a secret', () => {
    expect(knowing(['abcdef\ud83d'])('abcdef%F0%9F%98%80!')).toBe('***!')
    expect(knowing(['\ude00abcdef'])('!%F0%9F%98%80abcdef')).toBe('!***')
  })

  it('never fails, whatever text and secrets are', () => {
    const halves = fc.constantFrom(
      '%',
      '%2',
      '%25',
      '%e2%82',
      '%f0%9f',
      '\\',
      '\\u',
      '\\ud83d',
      '&',
      '&#',
      '&#x',
      ';',
      'am',
    )
    const text = fc.array(fc.oneof(halves, unit), { maxLength: 200 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, text, fc.array(fc.anything()), (text, other, secrets) => {
        const scrub = knowing([other, ...(secrets as string[])])
        expect(scrub(text)).not.toBe(withheld)
        if (other.length >= 6) expect(scrub(`⟦${other}⟧`)).toBe('⟦***⟧')
      }),
      { numRuns: 1000 },
    )
  })
})

describe('createScrubber, many and large', () => {
  /** How often `run` hashes a unit or looks something up. */
  function countWork(run: () => void): number {
    const { imul } = Math
    const { get } = Map.prototype
    const { has } = Set.prototype
    let work = 0
    try {
      Math.imul = (a, b) => imul(a, b + 0 * work++)
      Map.prototype.get = function (key) {
        work++
        return get.call(this, key)
      }
      Set.prototype.has = function (value) {
        work++
        return has.call(this, value)
      }
      run()
    } finally {
      Math.imul = imul
      Map.prototype.get = get
      Set.prototype.has = has
    }
    return work
  }

  /** A known head costs 64 steps of two hashes, and a look-up for each length; there are five classes of lengths. */
  const worst = 5 * (64 * 2 + 40)
  /** For each a text of 20,000 units, and how much work a unit of it may be. */
  const crowds: Readonly<Record<string, { make(count: number): string[]; text: string; most: number }>> = {
    'random ones': { make: (count) => tokens(count, 40), text: tokens(500, 40, 20_000).join(''), most: 20 },
    'one beginning': {
      make: (count) => Array.from({ length: count }, (_, i) => `${'p'.repeat(34)}${token(i, 8 + (i % 20))}`),
      text: 'p'.repeat(20_000),
      most: worst,
    },
    'one inside the other': {
      make: (count) =>
        Array.from(
          { length: count },
          (_, i) => `${'a'.repeat(6 + (i % 1000))}${'b'.repeat(Math.floor(i / 1000))}`,
        ),
      text: 'a'.repeat(20_000),
      most: worst,
    },
  }

  it.each(Object.entries(crowds))(
    'knows 10,000 secrets and works no longer: %s',
    (_, { make, text, most }) => {
      const [few, many] = [100, 10_000].map((count) => {
        const secrets = make(count)
        const scrub = knowing(secrets, 1e9)
        const spread = secrets.filter((_, i) => i % Math.ceil(count / 50) === 0)
        for (const secret of spread) expect(scrub(`<${secret}>`)).toBe('<***>')
        return countWork(() => scrub(text))
      }) as [number, number]
      expect(many).toBeLessThan(few * 1.5 + text.length)
      expect(many).toBeLessThan(text.length * most)
    },
  )

  it.each([8190, 8191, 8192, 8193])('finds all of %i units of which each may begin a secret', (length) => {
    expect(knowing(['aaaaaaaa'])('a'.repeat(length))).toBe('***')
  })

  it('works in proportion to the text', () => {
    const scrub = knowing(tokens(1000))
    const line = `${'the quick brown fox \\"jumps\\" over 100%25 of &lt;them&gt; '.repeat(40)}${token(7)}`
    const once = countWork(() => scrub(line))
    expect(countWork(() => scrub(line.repeat(16)))).toBeLessThan(once * 16.5)
  })

  it('hashes nothing for a secret that it knows', () => {
    const { addSecrets } = createScrubber()
    addSecrets(tokens(100))
    expect(countWork(() => addSecrets(tokens(100)))).toBeLessThan(100 * 100)
  })

  it('agrees with a naive search for 1,000 secrets of up to 1,000 characters', () => {
    const secrets = Array.from({ length: 1000 }, (_, i) => token(i % 900, 6 + ((i * 37) % 995)))
    const text = secrets
      .map((secret, i) => (i % 3 ? secret : `${secret.slice(0, -5)}, ${secret}`))
      .join(' - ')
    const scrubbed = knowing(secrets)(text)
    expect(scrubbed).toBe(scrubNaively(text, cutLong(secrets)))
  })

  it.each([
    ['a foreign value of 40 KB', [token(1, 40_000)]],
    ['a document of 600 tokens', [JSON.stringify({ Version: 1, ApiTokens: tokens(600) }), ...tokens(600)]],
    ['a token of 33,000 characters', [token(1, 33_000)]],
    ['a secret of 1,000,000 characters', [token(1, 1_000_000)]],
    ['33,000 quotes', ['"\\'.repeat(16_500)]],
  ])('takes %s', (_, secrets) => {
    const scrub = knowing(secrets)
    for (const secret of secrets.slice(0, 20)) {
      const base64 = Buffer.from(secret).toString('base64')
      for (const text of [secret, asJson(secret), asJson(asJson(secret)), asUrl(secret)])
        expect(scrub(`⟦${text}⟧`)).toBe('⟦***⟧')
      expect(scrub(base64)).toMatch(/^\*\*\*.{0,3}$/)
      // Any 127 characters in a row hold a piece of 64.
      const at = Math.floor(secret.length / 3)
      if (secret.length > 500) expect(scrub(secret.slice(at, at + 127))).toContain('***')
    }
    expect(scrub('a line of ours')).toBe('a line of ours')
  })

  it('knows a secret too large for base64 as it is and escaped', () => {
    const secret = `"${token(1, 2_000_000)}`
    const scrub = knowing([secret])
    expect(scrub(`<${secret}>`)).toBe('<***>')
    expect(scrub(`<${asJson(secret)}>`)).toBe('<***>')
  })
})

describe('createScrubber, other spellings', () => {
  const secret = 'pass/word "é😀" of\n two\tlines'
  const escapeAll = (spell: (point: number) => string): string =>
    [...secret].map((char) => (char > '~' ? spell(char.codePointAt(0) ?? 0) : char)).join('')
  it.each([
    ['hex', Buffer.from(secret).toString('hex')],
    ['hex in capitals', Buffer.from(secret).toString('hex').toUpperCase()],
    ['\\u{…}', escapeAll((point) => `\\u{${point.toString(16)}}`)],
    [
      '\\U and eight digits',
      escapeAll((point) => (point > 0xffff ? `\\U${hex(point, 8)}` : `\\u${hex(point, 4)}`)),
    ],
    [
      'base64 of JSON as PHP writes it',
      Buffer.from(JSON.stringify({ secret }).replaceAll('/', '\\/')).toString('base64'),
    ],
    ['folded into one line', secret.replace(/\s+/g, ' ')],
  ])('finds a secret in %s', (_, text) => {
    const scrubbed = knowing([secret])(`<${text}>`)
    expect(scrubbed).toContain('***')
    expect(scrubbed.length).toBeLessThan(25)
  })

  it('withholds what has more escapes than any text of ours', () => {
    const scrub = knowing(['a secret'])
    expect(scrub('\\\\'.repeat(1_000_000))).toBe(withheld)
    expect(scrub('x'.repeat(1_000_000))).toHaveLength(1_000_000)
  })

  it('looks for no long foreign values in base64', () => {
    const { addForeign, scrub } = createScrubber()
    addForeign([token(1, 4096), token(2, 4097)])
    const inBase64 = (text: string): string => Buffer.from(text).toString('base64')
    expect(scrub(inBase64(token(1, 4096)))).toContain('***')
    expect(scrub(inBase64(token(2, 4097)))).toBe(inBase64(token(2, 4097)))
    expect(scrub(token(2, 4097))).toBe('***')
  })
})

describe('createScrubber, forgetting', () => {
  /** A token takes twelve numbers, so this is room for 100 of them, and half of it for 50. */
  const capacity = 1200

  it('forgets the oldest first, and never of the last half of its capacity', () => {
    const { addSecrets, scrub } = createScrubber({ capacity })
    const all = tokens(500)
    for (const [i, secret] of all.entries()) {
      addSecrets([secret])
      for (const recent of all.slice(Math.max(0, i - 49), i + 1)) expect(scrub(recent)).toBe('***')
    }
    const known = all.map((secret) => scrub(secret) === '***')
    expect(known.lastIndexOf(false)).toBeLessThan(known.indexOf(true))
    expect(known.filter(Boolean).length).toBeLessThanOrEqual(100)
  })

  it('keeps what is added again', () => {
    const { addSecrets, scrub } = createScrubber({ capacity })
    const [often = '', ...others] = tokens(500)
    for (const [i, secret] of others.entries()) {
      if (i % 40 === 0) addSecrets([often])
      addSecrets([secret])
      expect(scrub(often)).toBe('***')
    }
    for (const secret of tokens(120, 64, 1000)) addSecrets([secret])
    expect(scrub(often)).toBe(often)
  })

  it('has room for a secret once, however often it is added', () => {
    const { addSecrets, scrub } = createScrubber({ capacity })
    addSecrets(tokens(40))
    for (let i = 0; i < 1000; i++) addSecrets(tokens(2, 64, 40))
    expect(tokens(42).map(scrub)).toEqual(tokens(42).map(() => '***'))
  })

  it('forgets secrets that add no number of their own', () => {
    const { addSecrets, scrub } = createScrubber({ capacity: 200 })
    addSecrets([token(1)])
    for (let length = 64; length < 1000; length++) addSecrets(['a'.repeat(length)])
    expect(scrub(token(1))).toBe(token(1))
  })

  it('keeps a secret larger than its capacity whole, and what came just before it', () => {
    const { addSecrets, scrub } = createScrubber({ capacity })
    const large = token(7, 200_000)
    addSecrets([token(1), large, token(2)])
    expect([token(1), large, token(2)].map(scrub)).toEqual(['***', '***', '***'])
    addSecrets([token(8, 200_000), token(3)])
    expect([token(1), large.slice(0, 999), token(3)].map(scrub)).toEqual([
      token(1),
      large.slice(0, 999),
      '***',
    ])
  })
})

describe('guardScrub', () => {
  it('says that a text was withheld, and never why', () => {
    const fail = (text: string): string => {
      throw new SyntaxError(`Invalid regular expression: /${text}/`)
    }
    expect(guardScrub(fail)('a secret')).toBe(withheld)
    expect(guardScrub((text) => text.toUpperCase())('text')).toBe('TEXT')
  })

  it('stands around the scrub of createScrubber', () => {
    const scrub = knowing(['secret'])
    for (const text of [undefined, null, 12, {}, Symbol('secret')])
      expect(scrub(text as never)).toBe(withheld)
  })

  it('createScrubber finds all again after it failed amid a text', () => {
    const scrub = knowing(['say "secret"'])
    const { fromCodePoint } = String
    String.fromCodePoint = () => {
      throw new RangeError('Out of memory')
    }
    const failed = scrub(`${' '.repeat(99)}&#47;`)
    String.fromCodePoint = fromCodePoint
    expect(failed).toBe(withheld)
    expect(scrub('say &quot;secret&quot;')).toBe('***')
  })
})

describe('scrubJson', () => {
  const secrets = ['p"w\\d %é', '1234567', '"n":98', 'true,"', token(1)]
  const scrub = knowing(secrets)

  it('gives JSON of the same value with every string scrubbed', () => {
    const spelled = fc
      .tuple(
        anyText,
        fc.constantFrom(...secrets),
        fc.constantFrom(...Object.values({ ...spellings, ...mixtures })),
      )
      .map(([text, secret, spell]) => `${text}⟦${spell(secret)}⟧`)
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        spelled,
        anyText,
        fc.constantFrom(null, true, 1234567, 0.5),
        fc.array(tie('tree')),
        fc.dictionary(fc.constantFrom('n', '1234567', 'a', 'p"w\\d %é'), tie('tree')),
      ),
    }))
    const scrubbed = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value), (_, part) => (typeof part === 'string' ? scrub(part) : part))
    fc.assert(
      fc.property(tree, (value) => {
        expect(JSON.parse(scrubJson(value, scrub))).toEqual(scrubbed(value))
      }),
      { numRuns: 500 },
    )
  })

  it('leaves names and numbers alone, and whatever only looks like a secret across them', () => {
    const value = { n: 98, '1234567': 1234567, a: true, b: 'x' }
    expect(scrub(JSON.stringify(value))).not.toBe(JSON.stringify(value))
    expect(scrubJson(value, scrub)).toBe(JSON.stringify(value))
    expect(scrubJson({ n: 1234567, text: 'of 1234567' }, scrub)).toBe('{"n":1234567,"text":"of ***"}')
  })

  it('serialises once what holds no secret', () => {
    let times = 0
    const text = (secret: string): object => ({ toJSON: () => `${secret}${times++ * 0}` })
    scrubJson(text('none'), scrub)
    expect(times).toBe(1)
    expect(scrubJson(text(token(1)), scrub)).toBe('"***0"')
    expect(times).toBe(3)
  })

  it('never throws, and never says why', () => {
    const circle: Record<string, unknown> = { secret: token(1) }
    circle['circle'] = circle
    const toJSON = (): never => {
      throw new Error(token(1))
    }
    for (const value of [circle, { toJSON }, { a: 10n }, 10n])
      expect(JSON.parse(scrubJson(value, scrub))).toEqual({ withheld })
    const fail = (): never => {
      throw new Error(token(1))
    }
    expect(JSON.parse(scrubJson({}, fail))).toEqual({ withheld })
    for (const value of [undefined, () => 1, Symbol('a')]) expect(scrubJson(value, scrub)).toBe('null')
  })
})

/** The pieces of 64 units that a longer secret is known by, as the scrubber documents them. */
function cutLong(secrets: readonly string[]): string[] {
  return secrets.flatMap((secret) => {
    if (secret.length < 64) return [secret]
    const pieces = [secret.slice(-64)]
    for (let at = 0; at + 64 <= secret.length; at += 64) pieces.push(secret.slice(at, at + 64))
    return pieces
  })
}
