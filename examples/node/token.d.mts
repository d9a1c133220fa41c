/** What token.mjs promises. */

/** A mirrored document, or an answer of `/token` or `/tokens`; other fields do not matter. */
export interface TokenDocument {
  /** The token to use; without this field, one of `ApiTokens`, the same one for as long as it is listed. */
  readonly ApiToken?: string | null
  /** All tokens: where one is refused, another is tried. */
  readonly ApiTokens?: readonly string[]
}

/** How long tokens are kept. */
export interface TokenTimes {
  /** How long a token is used before the source is asked again, in seconds, a quarter more or less; default 30. */
  readonly ttlSeconds?: number
  /** How much longer the last good token is used while the source fails or names none, in seconds; default 3600. */
  readonly maxStaleSeconds?: number
}

/** From `list-tokens`. */
export interface HttpTokenSource extends TokenTimes {
  /** The full address of `/token` or `/tokens`, also of `/sub-apps/…/token`. Only `/tokens` gives other tokens to try. */
  readonly url: string | URL
  /** An API key, sent as `Authorization: Bearer`. */
  readonly key: string
  /** Sends the request, for example through a proxy or with a signature; default: the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch
  readonly read?: never
}

/** From anywhere else, such as a secret or a file. */
export interface OwnTokenSource extends TokenTimes {
  /**
   * Gives the document. With `refresh`, a cache on the way is not to be used: a token was refused. `signal` is aborted when
   * nobody waits any more. Of what it throws only the code or the name is repeated.
   */
  read(asked: {
    readonly signal: AbortSignal
    readonly refresh: boolean
  }): TokenDocument | Promise<TokenDocument>
  readonly url?: never
  readonly key?: never
  readonly fetch?: never
}

export interface TokenSource {
  /**
   * The token to use now. All who ask at the same time share one request to the source. While that fails, the last good
   * token is given for `maxStaleSeconds`; after that it rejects. No error of this file holds a token or the key.
   */
  token(): Promise<string>
  /** Asks the source anew, at most once a second, and gives the token to use then. For a token that was refused. */
  refresh(): Promise<string>
  /**
   * Gives a `fetch` that sends the token: in `x-api-key` where the request has that header, else as a bearer. Give it to
   * requests to the gateway only. When the answer is 401, it asks the source anew once and repeats the request once with
   * another token: the new one to use, else another one of `ApiTokens`. Any other answer is returned as it is, 403 too.
   * A stream as `body` cannot be sent twice, so the 401 is returned; the body of a `Request` is kept in memory until the
   * answer is there. Redirects are errors unless `init.redirect` says otherwise.
   */
  withToken(fetch?: typeof globalThis.fetch): typeof globalThis.fetch
}

/** Throws a `TypeError` for options that cannot be used. */
export function createTokenSource(options: HttpTokenSource | OwnTokenSource): TokenSource
