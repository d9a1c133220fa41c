/**
 * The AIGC API token of an application, kept current while a process runs. One file to copy, without dependencies, for
 * Node 20 or newer; token.d.mts has its types and says what each part promises.
 */

/** What fits into a header as it is. Anything else would be quoted by the error that `fetch` throws. */
const headerText = /^[\x21-\x7e]+$/
/** How long the source may take. */
const limitMs = 10_000
/** How long somebody waits for it who can be given a token that still serves. */
const patienceMs = 2_000
const refreshEveryMs = 1_000
/** After a failure the source is left alone for so long, at most five times that, or as long as it asks for. */
const pauseMs = 1_000
const longestPauseMs = 30_000
/** When a token to use that the gateway refused is tried again before others: it may have been too new. */
const refusedMs = 300_000

export function createTokenSource(options) {
  const { ttlSeconds = 30, maxStaleSeconds = 3600 } = options
  for (const [name, value] of Object.entries({ ttlSeconds, maxStaleSeconds }))
    if (!(Number.isFinite(value) && value >= 0))
      throw new TypeError(`createTokenSource: "${name}" must be a number from 0`)
  const { name, read } = options.read === undefined ? readByHttp(options) : readBy(options.read)

  /** The tokens of the last good answer, the pick first, and until when they count as fresh and serve at all. */
  let known = null
  /** Of the last answer, when it was not good. */
  let failure = null
  let askAgainAt = 0
  let askedAt = 0
  let pending = null
  let refreshing = null
  let refreshedAt = Number.NEGATIVE_INFINITY
  /** When the gateway refused a token. */
  const refused = new Map()

  const isUsable = () => known !== null && performance.now() < known.servesUntil

  /** Never rejects: what came of it is in `known` and `failure`. */
  async function ask(refresh) {
    askedAt = performance.now()
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(), limitMs)
    try {
      const answer = await orAbort(read({ signal: controller.signal, refresh }), controller.signal)
      const tokens = readTokens(name, answer, known)
      // Spread by a quarter either way, so that processes which start together do not ask together.
      const freshUntil = performance.now() + ttlSeconds * 1000 * (0.75 + Math.random() / 2)
      known = { tokens, freshUntil, servesUntil: freshUntil + maxStaleSeconds * 1000 }
      failure = null
    } catch (error) {
      const spread = isUsable() ? 1 + 4 * Math.random() : 1
      askAgainAt = performance.now() + (error.pauseMs ?? pauseMs * spread)
      failure = controller.signal.aborted
        ? new Error(`${name}: there was no answer within ${limitMs / 1000} s`)
        : error
    } finally {
      clearTimeout(timer)
    }
  }

  /** Waits for what may give a better token, and not for long where there is one. It goes on all the same. */
  async function patiently(promise) {
    if (!isUsable()) return promise
    let timer
    const enough = new Promise((resolve) => {
      timer = setTimeout(resolve, askedAt + patienceMs - performance.now())
    })
    await Promise.race([promise, enough]).finally(() => clearTimeout(timer))
  }

  /** The pick, unless it was refused of late; then those never refused; then the others, the longest ago first. */
  function choices() {
    const [pick] = known.tokens
    const since = performance.now() - refusedMs
    const rank = (token) => {
      const at = refused.get(token) ?? -1
      return token === pick && at < since ? -1 : at
    }
    // Sorting keeps the order of those that are equal.
    return known.tokens.toSorted((a, b) => rank(a) - rank(b))
  }

  function best() {
    if (known !== null && (failure === null || isUsable())) return choices()[0]
    throw failure
  }

  async function token() {
    if (refreshing !== null) await patiently(refreshing)
    else if (performance.now() >= (failure === null ? (known?.freshUntil ?? 0) : askAgainAt)) {
      pending ??= ask(false).finally(() => {
        pending = null
      })
      await patiently(pending)
    }
    return best()
  }

  async function refresh() {
    if (refreshing === null && performance.now() - refreshedAt >= refreshEveryMs) {
      refreshedAt = performance.now()
      // What is on its way was asked for before, so its answer may be too.
      refreshing = Promise.resolve(pending)
        .then(() => ask(true))
        .finally(() => {
          refreshing = null
        })
    }
    await refreshing
    return best()
  }

  /** Another token than the one that was refused, or undefined. */
  async function otherThan(used) {
    const findOther = () => choices().find((other) => other !== used)
    // Somebody else may have heard of a new pick meanwhile.
    const [pick] = known.tokens
    if (pick === used || refused.has(pick)) {
      const other = findOther()
      const asked = refresh().catch(() => {})
      await (other === undefined || refused.has(other) ? asked : patiently(asked))
    }
    return findOther()
  }

  return {
    token,
    refresh,
    withToken: (fetch) => async (input, init) => {
      const request = readRequest(input, init ?? {})
      const send = async (apiToken, isLast) => {
        const answer = await request.send(fetch ?? globalThis.fetch, apiToken, isLast)
        if (answer.status === 401) refused.set(apiToken, performance.now())
        else refused.delete(apiToken)
        return answer
      }
      const used = await orAbort(token(), request.signal)
      if (!request.isRepeatable) {
        const answer = await send(used, true)
        // For the next one.
        if (answer.status === 401) refresh().catch(() => {})
        return answer
      }
      try {
        const answer = await send(used, false)
        if (answer.status !== 401) return answer
        const other = await orAbort(otherThan(used), request.signal).catch((aborted) => {
          cancel(answer.body)
          throw aborted
        })
        if (other === undefined) return answer
        cancel(answer.body)
        return await send(other, true)
      } finally {
        request.drop()
      }
    },
  }
}

/** The tokens that a document names, the one to use first. `known`: what was known before. */
function readTokens(name, document, known) {
  const isToken = (value) => typeof value === 'string' && headerText.test(value)
  const all = Array.isArray(document?.ApiTokens) ? document.ApiTokens.filter(isToken) : []
  // Where no token is the one to use, the one in use stays for as long as it is listed.
  const pick =
    document?.ApiToken === undefined
      ? (known?.tokens.find((token) => all.includes(token)) ?? all[0])
      : document.ApiToken
  if (!isToken(pick)) throw new Error(`${name}: the answer names no token to use`)
  return [...new Set([pick, ...all])]
}

/** Reads by a function of the caller's. Its errors may quote what it read, so nothing but their names is repeated. */
function readBy(read) {
  if (typeof read !== 'function') throw new TypeError('createTokenSource: "read" must be a function')
  const name = 'Reading the token'
  return {
    name,
    async read(asked) {
      try {
        return await read(asked)
      } catch (error) {
        throw new Error(`${name}: read() failed${nameError(error)}`)
      }
    },
  }
}

/** Reads from `list-tokens`. What did not change comes back as 304. */
function readByHttp({ url, key, fetch }) {
  const address = URL.canParse(url) ? new URL(url) : null
  if (!/^https?:$/.test(address?.protocol ?? '') || address.username !== '' || address.password !== '')
    throw new TypeError('createTokenSource: "url" must be an http or https address without a user name')
  if (typeof key !== 'string' || !headerText.test(key))
    throw new TypeError('createTokenSource: "key" must be a key, without blanks')
  const name = `Asking ${address.origin}${address.pathname} for the token`
  let last = null
  return {
    name,
    async read({ signal, refresh }) {
      const headers = {
        accept: 'application/json',
        authorization: `Bearer ${key}`,
        ...(last?.etag && { 'if-none-match': last.etag }),
        ...(refresh && { 'cache-control': 'no-cache' }),
      }
      let answer
      let text
      try {
        // A redirect would be to somebody else: a page to log in, or worse.
        answer = await (fetch ?? globalThis.fetch)(address, { headers, signal, redirect: 'error' })
        text = await answer.text()
      } catch (error) {
        throw new Error(`${name}: no answer could be had${nameError(error?.cause ?? error)}`)
      }
      if (answer.status === 304 && last !== null) return last.document
      if (!answer.ok) {
        const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN)
        throw Object.assign(
          new Error(`${name}: it answered ${answer.status}`),
          seconds > 0 && { pauseMs: Math.min(seconds * 1000, longestPauseMs) },
        )
      }
      let document
      try {
        document = JSON.parse(text)
      } catch {
        // The parser's own message quotes the text.
        throw new Error(`${name}: the answer is not JSON`)
      }
      last = { document, etag: answer.headers.get('etag') }
      return document
    },
  }
}

/** A code or a name, and only if it looks like one. */
function nameError(error) {
  const name = [error?.code, error?.name].find(
    (text) => typeof text === 'string' && /^[A-Z][\w.]{2,63}$/i.test(text),
  )
  return name === undefined ? '' : ` (${name})`
}

/** What `fetch` was called with, to be sent with one token and perhaps with another. */
function readRequest(input, init) {
  const request = typeof input === 'object' && typeof input.clone === 'function' ? input : null
  // What `fetch` is told beside a Request takes the place of what that says.
  const ownsBody = request !== null && (init.body ?? null) === null && request.body !== null
  const given = new Headers(init.headers ?? request?.headers)

  return {
    signal: init.signal ?? request?.signal ?? null,
    isRepeatable: ownsBody ? !request.bodyUsed : isSentTwice(init.body ?? null),
    send(fetch, apiToken, isLast) {
      const headers = new Headers(given)
      const hasKey = headers.has('x-api-key')
      if (hasKey) headers.set('x-api-key', apiToken)
      if (!hasKey || /^bearer /i.test(headers.get('authorization') ?? ''))
        headers.set('authorization', `Bearer ${apiToken}`)
      // `fetch` would carry x-api-key along to wherever it is redirected.
      const redirect = init.redirect ?? 'error'
      return fetch(ownsBody && !isLast ? request.clone() : input, { ...init, headers, redirect })
    },
    /** Lets go of the body that was kept for a second time. */
    drop() {
      if (ownsBody && !request.bodyUsed) cancel(request.body)
    },
  }
}

function isSentTwice(body) {
  return (
    body === null ||
    typeof body === 'string' ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    [Blob, FormData, URLSearchParams].some((kind) => body instanceof kind)
  )
}

/** What a promise gives, or the reason of `signal`, where there is one, as soon as that is aborted. */
function orAbort(promise, signal) {
  if (signal === null) return promise
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Nobody will read it. */
function cancel(body) {
  body?.cancel().catch(() => {})
}
