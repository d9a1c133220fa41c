/** The mutants that may live, and why. */

export interface Accepted {
  readonly file: string
  /** What stands in the source; line breaks do not count. */
  readonly from: string
  /** What Stryker puts there; anything where it is left out. */
  readonly to?: string | readonly string[]
  /** A part of the line where it begins, if it stands on several. */
  readonly on?: string
  readonly why: string
}

const typesOnly = 'never happens; the compiler wants a value'
const sameMillisecond = 'both are right at the very millisecond'

export const accepted: readonly Accepted[] = [
  ...[
    { file: 'lib/config.ts', on: "const [name = '', scope = '', sha256 = ''" },
    { file: 'lib/stores/target.ts', on: "const [name = ''] = uri" },
    { file: 'lib/stores/target.ts', on: "[, scheme = '', name = ''" },
  ].map((one) => ({
    ...one,
    from: "''",
    why: 'stands for a part that is missing: no name, scope, digest or scheme is empty or so called',
  })),
  {
    file: 'lib/stores/target.ts',
    from: '[]',
    on: '.exec(uri) ?? []',
    why: 'its first element is not looked at',
  },
  ...['lib/config.ts', 'lib/stores/target.ts'].map((file) => ({
    file,
    from: '[]',
    on: 'return []',
    why: 'comes with a complaint, so that nobody sees it',
  })),
  {
    file: 'lib/config.ts',
    from: '/[\\s,]+/',
    to: '/[\\s,]/',
    why: 'what is empty between two separators is filtered out',
  },
  {
    file: 'lib/stores/target.ts',
    from: '/^([a-z\\d-]+):([^?]*)\\??(.*)$/s',
    to: '/^([a-z\\d-]+):([^?]*)\\??(.*)/s',
    why: 'with the flag `s`, `.*` reaches the end anyway',
  },
  {
    file: 'lib/platform/log.ts',
    from: "'debug'",
    to: '""',
    why: 'what is not in the list comes before its first',
  },
  {
    file: 'lib/platform/log.ts',
    from: 'json === JSON.stringify(fields)',
    to: 'false',
    why: 'saves time alone',
  },
  {
    file: 'lib/foreign.ts',
    from: 'value.length < pieceLength',
    to: 'value.length <= pieceLength',
    why: 'a value as long as a piece is its only piece',
  },
  {
    file: 'lib/foreign.ts',
    from: 'start + pieceLength',
    to: 'start - pieceLength',
    why: 'more pieces, all shorter than those that are looked for',
  },
  {
    file: 'lib/foreign.ts',
    from: 'pieces.size > 0',
    to: ['pieces.size >= 0', 'true'],
    why: 'saves time alone',
  },
  {
    file: 'lib/endpoint/answer.ts',
    from: "''",
    on: "body: ''",
    why: 'another body takes its place, or 304 leaves it out',
  },
  {
    file: 'lib/endpoint/callers.ts',
    from: 'case null: return null',
    why: 'answer.ts refuses before; left out, it gives undefined, which is as little a caller',
  },
  {
    file: 'lib/endpoint/callers.ts',
    from: 'subAppId === null',
    to: 'false',
    why: 'null is in no list of applications; the compiler wants it said',
  },
  {
    file: 'lib/endpoint/callers.ts',
    from: "''",
    on: 'exec(authorization',
    why: 'neither text is a Bearer key',
  },
  {
    file: 'lib/endpoint/cache.ts',
    from: '() => null',
    to: '() => undefined',
    why: 'nothing either way',
  },
  {
    file: 'lib/endpoint/cache.ts',
    from: 'deps.monotonic() >= joined.deadline',
    to: 'deps.monotonic() > joined.deadline',
    why: sameMillisecond,
  },
  {
    file: 'lib/endpoint/cache.ts',
    from: 'deps.monotonic() < deadline',
    to: ['true', 'deps.monotonic() <= deadline'],
    why: 'asking again begins nothing once the time is up, and fails alike',
  },
  {
    file: 'lib/endpoint/cache.ts',
    from: 'error instanceof TencentError',
    to: 'true',
    why: 'no other error has one of these codes, and what follows asks for retryable too',
  },
  {
    file: 'lib/endpoint/cache.ts',
    from: 'error instanceof CredentialsError || error instanceof StoreError',
    to: 'true',
    why: 'no other error says that it is retryable',
  },
  {
    file: 'lib/endpoint/fallback.ts',
    from: 'judged.refusal === undefined',
    to: 'true',
    why: 'a refusal holds nothing; the compiler wants it asked',
  },
  { file: 'lib/endpoint/fallback.ts', from: '!target', to: 'false', why: typesOnly },
  { file: 'lib/endpoint/fallback.ts', from: "'a source needs a target'", why: typesOnly },
  ...["'done'", "'Timeout'", "'Overtaken'"].map((from) => ({
    file: 'lib/mirror/run.ts',
    from,
    to: '""',
    why: 'is not looked at: of `done` only that it is not `overtaken`, of an error only its message',
  })),
  ...['plan(application, state, listed, []', 'before: []', '?.ApiTokens ?? []'].map((on) => ({
    file: 'lib/mirror/run.ts',
    on,
    from: '[]',
    why: 'a token that nobody holds or lists changes nothing',
  })),
  {
    file: 'lib/mirror/run.ts',
    from: '!listed',
    to: 'false',
    why: 'without a list every target has failed already',
  },
  {
    file: 'lib/mirror/run.ts',
    from: '(state) => readTarget(run, state)',
    to: '() => undefined',
    why: 'then the write finds itself overtaken, reads and plans anew: the same end, one call later',
  },
  {
    file: 'lib/mirror/run.ts',
    from: 'judged.refusal === undefined',
    to: 'true',
    why: 'a refusal holds nothing; the compiler wants it asked',
  },
  { file: 'lib/mirror/run.ts', from: 'reading?.state', to: 'reading.state', why: typesOnly },
  { file: 'lib/mirror/run.ts', from: 'planned?.action', to: 'planned.action', why: typesOnly },
  { file: 'lib/mirror/run.ts', from: "'failed'", on: 'state.outcome ??', to: '""', why: typesOnly },
  { file: 'lib/mirror/run.ts', from: "'the run did not get to this target'", why: typesOnly },
  {
    file: 'lib/mirror/run.ts',
    from: "exact.action === 'write'",
    to: 'true',
    why: 'what is held would be written, or it would not be held',
  },
  {
    file: 'lib/mirror/plan.ts',
    from: "reading.state === 'value'",
    to: 'true',
    why: 'no other state has a value to compare; the compiler wants it asked',
  },
  {
    file: 'lib/mirror/plan.ts',
    from: 'listed < minKeep * size - roundingError',
    to: 'listed <= minKeep * size - roundingError',
    why: 'a whole number of tokens never meets that bound',
  },
  {
    file: 'lib/platform/events.ts',
    from: 'value.slice(0, longestValue)',
    to: 'value',
    why: 'saves time: texts of that number, joined, are too long to be taken',
  },
  {
    file: 'lib/platform/events.ts',
    from: 'Object.hasOwn(value, name)',
    to: 'true',
    why: 'what platforms hand in inherits nothing that can be listed',
  },
  {
    file: 'lib/stores/document.ts',
    from: 'reading.before === undefined',
    to: 'false',
    why: 'undefined is no document; the compiler wants it asked',
  },
  { file: 'lib/tencent/client.ts', from: 'known', to: 'false', on: 'return known', why: 'saves time alone' },
  {
    file: 'lib/tencent/client.ts',
    from: 'timeoutMs < shortestAttemptMs',
    to: 'timeoutMs <= shortestAttemptMs',
    why: sameMillisecond,
  },
  ...["headers.date ?? ''", "Date.parse(date ?? '')"].map((on) => ({
    file: 'lib/tencent/answer.ts',
    on,
    from: "''",
    why: 'neither text is a date',
  })),
  {
    file: 'lib/tencent/answer.ts',
    from: 'value === null',
    to: 'false',
    why: 'null is no number and no date',
  },
  { file: 'lib/json.ts', from: '{ return undefined }', why: 'undefined either way' },
  {
    file: 'lib/tencent/pace.ts',
    from: 'woken - next < spanMs - 1000',
    to: 'woken - next <= spanMs - 1000',
    why: sameMillisecond,
  },
  {
    file: 'lib/tencent/tc3.ts',
    from: 'kept?.day !== day || kept.secretKey !== secretKey',
    to: 'true',
    why: 'saves time alone',
  },
  {
    file: 'lib/tencent/tc3.ts',
    from: 'timestamp / secondsOfDay',
    why: 'a number for each second is one for each day too; saves time alone',
  },
  { file: 'lib/tencent/tc3.ts', from: 'a < b', to: 'a <= b', why: 'no two names are alike' },
  {
    file: 'lib/tencent/transport.ts',
    from: '{ timeout: 5_000 }',
    why: 'without it undici takes ten seconds, and whoever asked was answered by the timer before',
  },
  {
    file: 'lib/tencent/transport.ts',
    from: '{ date: null, retryAfter: null }',
    why: 'an answer begins with its headers, which take its place',
  },
  {
    file: 'lib/tencent/transport.ts',
    from: 'only && chunks.length === 1',
    to: 'false',
    why: 'saves time alone',
  },
  ...["error instanceof Error && 'code' in error", "'unknown reason'"].map((from) => ({
    file: 'lib/tencent/transport.ts',
    from,
    to: ['true', "error instanceof Error || 'code' in error", '""'],
    why: 'every failure of undici and Node has a code',
  })),
  {
    file: 'handlers/invocation.ts',
    from: 'failed',
    to: 'true',
    on: 'edge.learnEnvironment()',
    why: 'adds what is known already; saves time alone',
  },
  {
    file: 'lib/aws/errors.ts',
    from: '() => false',
    to: '() => undefined',
    why: 'either holds nothing',
  },
  {
    file: 'lib/aws/files.ts',
    from: '() => null',
    to: '() => undefined',
    why: 'either is nothing found',
  },
  {
    file: 'lib/aws/files.ts',
    from: '!found.isCharacterDevice()',
    to: 'false',
    why: 'only a device has the number of one; saves time alone',
  },
  { file: 'lib/aws/files.ts', from: 'nothing?.rdev', why: 'there is a /dev/null wherever this runs' },
  {
    file: 'lib/credentials/aws-secret.ts',
    from: '[]',
    on: 'SecretBinary ?? []',
    why: 'neither the empty text nor any other is a key',
  },
  ...[
    { from: '[]', on: '.variables ?? []' },
    { from: "''", on: "!pattern.test(read(env, name) ?? '')" },
    { from: "''", on: "names.at(-1) ?? ''" },
    { from: 'owners(token).at(-1)?.variables' },
    { from: "['no Tencent credentials']" },
    { from: "'no Tencent credentials'" },
    { from: '!chosen' },
  ].map((one) => ({ ...one, file: 'lib/credentials/sources.ts', why: typesOnly })),
  {
    file: 'lib/credentials/sources.ts',
    from: 'variables.every(isSet)',
    why: 'a source that is set by half is refused before',
  },
  {
    file: 'lib/credentials/sources.ts',
    from: "variables.every((name) => value(name) !== '')",
    why: 'a source that is set by half is refused before',
  },
  { file: 'lib/credentials/web-identity.ts', from: "''", on: 'WebIdentityToken', why: typesOnly },
  ...[
    '/^ResourceNotFoundException$/',
    '/^(AccessDeniedException|Http403)$/',
    '/^InvalidRequestException$/',
    '/^RegionMissing$/',
    '/^(CredentialsProviderError|ExpiredTokenException|UnrecognizedClientException)$/',
  ].map((from) => ({
    file: 'lib/credentials/aws-secret.ts',
    from,
    why: 'no code of AWS has the name of another inside',
  })),
  ...[
    '/^OutboundWebIdentityFederationDisabled/',
    '/^(AccessDenied|Http403$)/',
    '/^SessionDurationEscalation/',
    '/^RegionMissing$/',
    '/^(CredentialsProviderError|ExpiredToken|InvalidClientTokenId)/',
  ].map((from) => ({
    file: 'lib/credentials/web-identity.ts',
    from,
    why: 'no code of AWS has the name of another inside',
  })),
  {
    file: 'lib/mirror/run.ts',
    from: "reading?.state === 'value'",
    to: 'true',
    on: 'isDocument(reading.value)',
    why: 'what is not there is no document either',
  },
  { file: 'handlers/list-tokens.ts', from: '[]', on: 'masked.Fingerprints ?? []', why: typesOnly },
  {
    file: 'handlers/list-tokens.ts',
    from: "'fingerprints'",
    to: '""',
    why: 'whatever is not "tokens" shows fingerprints',
  },
  ...["error instanceof MirrorError && error.code === 'PlanChanged'", "error.code === 'PlanChanged'"].map(
    (from) => ({ file: 'handlers/mirror-tokens.ts', from, why: 'runMirror throws no other MirrorError' }),
  ),
  {
    file: 'handlers/runtime.ts',
    from: "'info'",
    why: 'nothing speaks below that before the settings are read',
  },
  { file: 'handlers/runtime.ts', from: 'process.env[name]?.trim()', why: 'a secret is known folded, too' },
  { file: 'handlers/runtime.ts', from: '() => null', to: '() => undefined', why: 'either is no credentials' },
  {
    file: 'handlers/runtime.ts',
    from: 'readsMirror || fallbacks.length === 0',
    to: ['false', 'readsMirror && fallbacks.length === 0'],
    why: 'where the mirror is the source, it fails as it did just before',
  },
  ...[
    "error instanceof Error && 'code' in error && typeof error.code === 'string'",
    "error instanceof Error && 'code' in error",
    "typeof error.code === 'string'",
    "'unknown'",
    "'Unknown'",
  ].map((from) => ({ file: 'lib/stores/file.ts', from, why: typesOnly })),
  ...['() => null', '() => false'].map((from) => ({
    file: 'lib/stores/file.ts',
    from,
    to: '() => undefined',
    why: 'only whether it is true or there is asked',
  })),
  ...[
    "codeOf(error) !== 'EEXIST'",
    "'EEXIST'",
    "{ if (codeOf(error) !== 'EEXIST') throw error }",
    "codeOf(error) !== 'ENOENT' || above === folder",
    "codeOf(error) !== 'ENOENT'",
    'above === folder',
  ].map((from) => ({
    file: 'lib/stores/file.ts',
    from,
    why: 'seen where two writers make one folder at the same instant, or nothing can be made at all: the draft then fails as the folder would have',
  })),
  {
    file: 'lib/stores/file.ts',
    from: 'old && !old.isFile() && !old.isSymbolicLink()',
    to: 'false',
    why: 'the look right before the rename refuses it, too; this one comes before a draft is written',
  },
  {
    file: 'lib/stores/file.ts',
    from: 'true',
    on: "await expect({ state: 'value', marked: true",
    why: 'the mark of a file is its value, which is compared',
  },
  {
    file: 'lib/stores/file.ts',
    from: 'Math.min(found.size, maxBytes)',
    why: 'more memory for a file that is too long; what is read is refused all the same',
  },
  {
    file: 'lib/stores/file.ts',
    from: 'length < bytes.length',
    to: 'length <= bytes.length',
    why: 'nothing is read into a buffer that is full',
  },
  {
    file: 'lib/stores/file.ts',
    from: '(found.mode & 0o077) !== 0',
    to: 'true',
    why: 'a file that is closed to others stays so',
  },
  {
    file: 'lib/stores/file.ts',
    from: 'true',
    on: 'promises.rm(workshop',
    why: 'the folder is there, and nothing of it was removed before',
  },
  {
    file: 'lib/stores/file.ts',
    from: 'names.filter((name) => name.startsWith(workshopPrefix)).slice(0, mostDraftsLookedAt)',
    why: 'a bound of time: test/unit/stores/file.test.ts sees the number of those removed',
  },
  {
    file: 'lib/stores/file.ts',
    from: 'found?.isDirectory',
    why: 'what is not there any more ends the clean-up, and the next run goes on',
  },
  {
    file: 'lib/stores/file.ts',
    from: 'now - found.mtimeMs < draftLifeMs',
    to: 'now - found.mtimeMs <= draftLifeMs',
    why: sameMillisecond,
  },
  {
    file: 'lib/stores/file.ts',
    from: 'false',
    to: 'true',
    on: '() => false',
    why: 'counts a folder as removed that holds anything else: fewer are removed at a time',
  },
]
