/**
 * Breaks the rules of the mirror and of the rotation on purpose, one at a time, in a private copy of lib, and tells in which seed each
 * rule that should notice does: `node --import tsx test/simulation/mutate.ts [SEEDS] [NAME]`. Fails
 * when a rule notices in none of the seeds (default 5000). NAME picks the mutations whose names contain it.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

interface Mutation {
  readonly name: string
  /** The rules that have to notice, each when it watches alone. */
  readonly rules: readonly string[]
  readonly file: string
  /** Pieces of the source and what stands there instead; each piece must be there, once; of another file where one is named. */
  readonly edits: readonly (readonly [from: string, to: string, file?: string])[]
  /** Whose worlds: the mirror's unless said. */
  readonly of?: 'rotation'
}

const mirror = 'lib/mirror/run.ts'
const time = 'lib/time.ts'
const plan = 'lib/mirror/plan.ts'
const report = 'lib/mirror/report.ts'
const document = 'lib/stores/document.ts'
const ssm = 'lib/stores/tencent-ssm.ts'
const aws = 'lib/stores/aws-secretsmanager.ts'
const rotation = 'lib/rotation/run.ts'
const rotationPlan = 'lib/rotation/plan.ts'
const rotationReport = 'lib/rotation/report.ts'

export const mutations: readonly Mutation[] = [
  {
    name: 'no second look: remove at once',
    rules: ['2 alive', '2 early', '4 twice'],
    file: mirror,
    edits: [
      [
        'listedEver ? leaving(application, missing(state.before, listedEver)) : []',
        'missing(state.before, listedEver ?? listed)',
      ],
    ],
  },
  {
    name: 'second look without waiting',
    rules: ['2 alive', '2 early'],
    file: mirror,
    edits: [['await deps.sleep(waitMs)', 'await deps.sleep(0)']],
  },
  {
    name: 'second look after half of the time',
    rules: ['2 early'],
    file: mirror,
    edits: [['await deps.sleep(waitMs)', 'await deps.sleep(waitMs / 2)']],
  },
  {
    name: 'wait computed from a clock that may jump',
    rules: ['2 early'],
    file: mirror,
    edits: [
      [
        '  if (request.dryRun) return preview(',
        '  const begun = deps.now()\n  if (request.dryRun) return preview(',
      ],
      ['await settleRemovals(run, applications)', 'await settleRemovals(run, applications, begun)'],
      [
        'applications: readonly Application[]): Promise<void> {',
        'applications: readonly Application[], begun: number): Promise<void> {',
      ],
      ['await deps.sleep(waitMs)', 'await deps.sleep(begun + waitMs - deps.now())'],
    ],
  },
  {
    name: 'second look alone decides',
    rules: ['2 alive'],
    file: mirror,
    edits: [['new Set([...earlier, ...(application.listed', 'new Set([...(application.listed']],
  },
  {
    name: 'wipe on an empty list',
    rules: ['1 empty'],
    file: plan,
    edits: [
      ["  if (listed.size === 0 && held?.ApiTokens.length !== 0) return 'the list is empty'\n", ''],
      [
        'if (listed.size < minKeep * size - roundingError)',
        'if (listed.size > 0 && listed.size < minKeep * size)',
      ],
    ],
  },
  {
    name: 'ignore MIN_KEEP',
    rules: ['1 share'],
    file: plan,
    edits: [['if (listed.size < minKeep * size - roundingError)', 'if (listed.size < 0 * minKeep * size)']],
  },
  {
    name: 'MIN_KEEP against what the second reading holds',
    rules: ['3 held'],
    file: mirror,
    edits: [['longest(memory.map(({ before }) => before))', 'longest(memory.map(tokensHeld))']],
  },
  {
    name: 'take out whatever the second list lacks, seen at the start or not',
    rules: ['2 overwritten'],
    file: mirror,
    edits: [['missing(state.before, listedEver)) : []', 'missing(tokensHeld(state), listedEver)) : []']],
  },
  {
    name: 'success reported although a write failed',
    rules: ['5 right'],
    file: mirror,
    edits: [
      ["    fail(state, error)\n    return 'done'", "    state.outcome = 'updated'\n    return 'done'"],
    ],
  },
  {
    name: 'success reported although nothing could be read',
    rules: ['5 right'],
    file: report,
    edits: [["['failed', 'held', 'refused', 'deferred']", "['held', 'refused', 'deferred']"]],
  },
  {
    name: 'success reported although a removal was deferred',
    rules: ['5 right'],
    file: report,
    edits: [["['failed', 'held', 'refused', 'deferred']", "['failed', 'held', 'refused']"]],
  },
  {
    name: 'success reported although held',
    rules: ['5 right'],
    file: report,
    edits: [["['failed', 'held', 'refused', 'deferred']", "['failed', 'refused', 'deferred']"]],
  },
  {
    name: 'success reported although refused',
    rules: ['5 says so'],
    file: report,
    edits: [["['failed', 'held', 'refused', 'deferred']", "['failed', 'held', 'deferred']"]],
  },
  {
    name: 'a token made up',
    rules: ['2 invented'],
    file: plan,
    edits: [['new Set([...listed, ...kept])', "new Set([...listed, 'made-up', ...kept])"]],
  },
  {
    name: 'write although unchanged',
    rules: ['4 unchanged', '4 idle'],
    file: plan,
    edits: [['reading.value === value ?', "reading.value === '' ?"]],
  },
  {
    name: 'pick that flaps: the newest list decides',
    rules: ['4 pick'],
    file: plan,
    edits: [['return [...current, ...[...mirrored]', 'return [...[...mirrored]']],
  },
  {
    name: 'pick that stays on a missing token',
    rules: ['4 listed', '9 dead'],
    file: plan,
    edits: [
      ['return [...current, ...[...mirrored]', 'return [...current, ...[...[...mirrored]'],
      ['.filter((token) => listed.has(token))\n}', '.filter((token) => listed.has(token))]\n}'],
    ],
  },
  {
    name: 'targets of one application pick for themselves',
    rules: ['3 agree', '5 agree'],
    file: mirror,
    edits: [['pointing.map(({ seen }) =>', '[state].map(({ seen }) =>']],
  },
  {
    name: 'pick that moves to a token just added',
    rules: ['4 known'],
    file: plan,
    edits: [['return [...current, ...[...mirrored].sort(), ', 'return [...current, ']],
  },
  {
    name: 'unmarked value overwritten',
    rules: ['1 ours'],
    file: document,
    edits: [['!target.adopt && !written)', '!target.adopt && !written && held)']],
  },
  {
    name: 'document of another application overwritten',
    rules: ['1 ours'],
    file: document,
    edits: [['if (held && !isOwn(held))', 'if (held && held.Site !== application.site)']],
  },
  {
    name: 'unavailable secret written',
    rules: ['1 trouble'],
    file: document,
    edits: [["if (reading.state === 'unavailable') return refuse(reading.reason)\n", '']],
  },
  {
    name: 'confirm without comparing the digest',
    rules: ['6 exactly'],
    file: mirror,
    edits: [['if (request.confirm !== current.Digest)', "if (request.confirm === '')"]],
  },
  {
    name: 'digest without what it speaks of',
    rules: ['6 exactly'],
    file: report,
    edits: [['target.uri, found, versionId(plan.confirmed)]', "target.uri, '', '']"]],
  },
  {
    name: 'digest without what would be written',
    rules: ['6 digest'],
    file: report,
    edits: [['target.uri, found, versionId(plan.confirmed)]', 'target.uri, found]']],
  },
  {
    name: 'confirm looks again before it writes',
    rules: ['6 exactly'],
    file: mirror,
    edits: [
      [
        '  await forEachLimited(applications, (application) => apply(',
        '  if (request.confirm !== null)\n    for (const application of applications) {\n      await readList(run, application)\n      planAll(run, application)\n    }\n  await forEachLimited(applications, (application) => apply(',
      ],
    ],
  },
  {
    name: 'PlanChanged after the writes',
    rules: ['6 nothing'],
    file: mirror,
    edits: [
      [
        'if (request.confirm !== current.Digest)\n',
        'if (request.confirm !== current.Digest)\n      await forEachLimited(applications, (application) => applyAll(run, application))\n    if (request.confirm !== current.Digest)\n',
      ],
    ],
  },
  {
    name: 'no removal at all',
    rules: ['3 true', '5 right'],
    file: mirror,
    edits: [['if (leaving.length === 0) return', 'if (leaving.length >= 0) return']],
  },
  {
    name: 'no additions once something is held',
    rules: ['2 settled', '3 true', '5 right'],
    file: plan,
    edits: [['new Set([...listed, ...kept])', 'new Set([...(kept.length > 0 ? [] : listed), ...kept])']],
  },
  {
    name: 'partial document: tokens after the third are lost',
    rules: ['1 whole'],
    file: document,
    edits: [
      [
        '[...new Set(ApiTokens)].sort(), SubAppId, Site })',
        '[...new Set(ApiTokens)].sort().slice(0, 3), SubAppId, Site })',
      ],
    ],
  },
  {
    name: 'partial document: cut short',
    rules: ['1 whole'],
    file: document,
    edits: [['sort(), SubAppId, Site })\n', 'sort(), SubAppId, Site }).slice(0, 90)\n']],
  },
  {
    name: 'tokens in another order',
    rules: ['1 whole'],
    file: document,
    edits: [['sort(), SubAppId, Site })', 'sort().reverse(), SubAppId, Site })']],
  },
  {
    name: 'a token twice',
    rules: ['1 whole'],
    file: document,
    edits: [
      [
        '[...new Set(ApiTokens)].sort(), SubAppId',
        '[...ApiTokens, ...ApiTokens.slice(0, 1)].sort(), SubAppId',
      ],
    ],
  },
  {
    name: 'an empty document where there was none',
    rules: ['1 empty'],
    file: plan,
    edits: [
      [
        'listed.size === 0 && held?.ApiTokens.length !== 0',
        'listed.size === 0 && held && held.ApiTokens.length !== 0',
      ],
    ],
  },
  {
    name: 'steps without a time limit of their own',
    rules: ['2 late'],
    file: time,
    edits: [['Math.min(time.monotonic() + run.timeoutMs, run.deadline)', 'run.deadline']],
  },
  {
    name: 'dry run that writes',
    rules: ['5 dry'],
    file: mirror,
    edits: [
      ['if (request.dryRun) return preview(', 'if (request.dryRun && request.confirm) return preview('],
    ],
  },
  {
    name: 'one held target ends the others',
    rules: ['5 own'],
    file: mirror,
    edits: [
      [
        '  await Promise.all(documentTargets(application).filter(isOpen).map(apply))\n',
        '  for (const state of documentTargets(application).filter(isOpen)) {\n    await apply(state)\n    if (state.outcome === "held") return\n  }\n',
      ],
    ],
  },
  {
    name: 'versions named by something else',
    rules: ['1 whole'],
    file: aws,
    edits: [
      ['const version = versionId(document)\n  const {', 'const version = versionId(target.uri)\n  const {'],
    ],
  },
  {
    name: "Tencent's current written before previous",
    rules: ['7 kept'],
    file: ssm,
    edits: [
      ['    // The value before comes first,', '    await put(secret, secret.version, document)\n    //'],
      ['    await expectValue(secret, value)\n    sent = true\n', ''],
      ['    await put(secret, secret.version, document)\n  } catch', '  } catch'],
    ],
  },
  {
    name: "Tencent's previous not written",
    rules: ['7 kept'],
    file: ssm,
    edits: [['if (older !== value) await put(secret, previous, value)', '']],
  },
  {
    name: "Tencent's version that is not found taken for none",
    rules: ['7 seen', '7 kept'],
    file: ssm,
    edits: [
      ['if (versions.includes(secret.version))', "if (versions.includes('nothing'))"],
      [
        "secret.call('PutSecretValue', { VersionId: secret.version, SecretString: document })",
        'put(secret, secret.version, document)',
      ],
    ],
  },
  {
    name: "Tencent's value not looked at before it is replaced",
    rules: ['7 seen', '7 kept'],
    file: ssm,
    edits: [
      ['  await expectValue(secret, value)\n  const older', '  const older'],
      ['    await expectValue(secret, value)\n    sent = true', '    sent = true'],
    ],
  },
  {
    name: "Tencent's value not looked at again after previous was kept",
    rules: ['7 seen', '7 kept'],
    file: ssm,
    edits: [['    await expectValue(secret, value)\n    sent = true', '    sent = true']],
  },
  {
    name: "Tencent's value not read back",
    rules: ['5 right'],
    file: ssm,
    edits: [
      ['  if (seen.marked) await expectValue(secret, document)\n  else await', '  if (!seen.marked) await'],
    ],
  },
  {
    name: "Tencent's previous not put back after a refusal",
    rules: ['7 restored'],
    file: ssm,
    edits: [['if (!sent || isAnswered(error)) await restorePrevious(secret, value, older)', '']],
  },
  {
    name: "Tencent's mark before the value",
    rules: ['1 mark'],
    file: ssm,
    edits: [
      [
        '  if (value !== document) await replace(',
        "  if (!seen.marked) {\n    const { Description } = await secret.call('DescribeSecret')\n    await secret.call('UpdateDescription', { Description: markedBy + Description })\n  }\n  if (value !== document) await replace(",
      ],
    ],
  },
  {
    name: "Tencent's mark without a look at what it marks",
    rules: ['1 mark'],
    file: ssm,
    edits: [
      [
        "  const described = await secret.call('DescribeSecret')\n  await (value === null ? expectNone(secret) : expectValue(secret, value))\n",
        "  const described = await secret.call('DescribeSecret')\n",
      ],
    ],
  },
  {
    name: "Tencent's mark left out where there is a value",
    rules: ['3 marked'],
    file: ssm,
    edits: [['  else await addMark(secret, document)\n', '']],
  },
  {
    name: "Tencent's mark taken from any description that begins alike",
    rules: ['1 ours'],
    file: ssm,
    edits: [['text.startsWith(markedBy(target))', 'text.startsWith(markOf(target))']],
  },
  {
    name: "AWS's label moved from whatever is current",
    rules: ['7 seen'],
    file: aws,
    edits: [
      [
        'await secret.moveCurrent(from, to)',
        'await secret.moveCurrent(currentVersion(await secret.describe()), to)',
      ],
    ],
  },
  {
    name: "AWS's refused move taken for done",
    rules: ['5 told'],
    file: aws,
    edits: [['if (!accepted || found !== from)', 'if (!accepted) return\n    if (found !== from)']],
  },
  {
    name: "AWS's mark before the value",
    rules: ['1 mark'],
    file: aws,
    edits: [["if (!seen.marked && seen.state === 'empty') await", 'if (!seen.marked) await']],
  },
  {
    name: 'no second plan for what was overtaken',
    rules: ['5 replan'],
    file: mirror,
    edits: [
      [
        "  if ((await applyOne(run, application, state)) !== 'overtaken') return\n",
        "  if ((await applyOne(run, application, state)) === 'overtaken') fail(state, overtakenTwice(state))\n  if (state.plan) return\n",
      ],
    ],
  },
  {
    name: 'the first plan again for what was overtaken',
    rules: ['2 early'],
    file: mirror,
    edits: [['  planOne(run, application, state)\n  if', '  if']],
  },
  {
    name: 'second plan for what was confirmed',
    rules: ['6 once'],
    file: mirror,
    edits: [['  if (run.request.confirm !== null) {', "  if (run.request.confirm === '') {"]],
  },
  {
    name: 'success reported although overtaken',
    rules: ['5 told', '5 right'],
    file: mirror,
    edits: [
      [
        "if (isOvertaken(error)) return 'overtaken'",
        "if (isOvertaken(error)) {\n      state.outcome = 'updated'\n      return 'done'\n    }",
      ],
    ],
  },
  {
    name: 'a reused value overwritten',
    rules: ['1 reused'],
    file: document,
    edits: [['doubt: known ? null : reused', 'doubt: null']],
  },
  {
    name: 'a damaged value that counts as nothing held',
    rules: ['2 early'],
    file: document,
    edits: [['(judged.held ?? judged.before)', 'judged.held']],
  },
  {
    name: 'a document of ours without the mark left as it is',
    rules: ['3 marked'],
    file: plan,
    edits: [['(reading.marked || !input.hasMark)', 'true']],
  },
  {
    name: "AWS's label taken for moved without a look",
    rules: ['5 told'],
    file: aws,
    edits: [['if (found === to) return', 'if (found === to || accepted) return']],
  },
  {
    name: "AWS's version taken for put although nothing says so",
    rules: ['5 told'],
    file: aws,
    edits: [
      [
        "  if (VersionId !== version)\n    throw malformed('PutSecretValue'",
        "  if (VersionId === '')\n    throw malformed('PutSecretValue'",
      ],
      ['if (found === to) return', 'if (found === to || accepted) return'],
    ],
  },
  {
    name: "AWS's secret taken for created although nothing says so",
    rules: ['5 told'],
    file: aws,
    edits: [
      [
        "    if (VersionId !== version)\n      throw malformed('CreateSecret'",
        "    if (VersionId === '')\n      throw malformed('CreateSecret'",
      ],
    ],
  },
  {
    name: "Tencent's answer that names nothing taken for one",
    rules: ['5 told'],
    file: ssm,
    edits: [["if (answer['SecretName'] === target.name &&", 'if (answer !== undefined ||']],
  },
  {
    name: 'a mark that was taken away not put back',
    rules: ['3 marked'],
    file: document,
    edits: [['!target.adopt && !written)', '!target.adopt)']],
  },
  {
    name: 'excluded tokens published',
    rules: ['8 excluded'],
    file: mirror,
    edits: [['exclude.size > 0 && exclude.has(fingerprint(token))', 'exclude.size < 0']],
  },
  {
    name: 'excluded tokens kept until their absence is settled',
    rules: ['8 excluded'],
    file: plan,
    edits: [['!settledAbsences.has(token) && !isExcluded(token)', '!settledAbsences.has(token)']],
  },
  {
    name: 'excluded tokens that count as a loss',
    rules: ['3 held'],
    file: plan,
    edits: [['before.filter((token) => !isExcluded(token)).length', 'before.length']],
  },
  {
    name: 'a promotion that moves nothing',
    rules: ['8 promoted'],
    file: mirror,
    edits: [['promoted === null ? preferred : [promoted, ...preferred]', 'preferred']],
  },
  {
    name: 'a promotion of what some target does not hold',
    rules: ['8 everywhere'],
    file: mirror,
    edits: [['documents.every((state) => tokensHeld(state)', 'documents.some((state) => tokensHeld(state)']],
  },
  {
    name: 'a promotion that the next run takes back',
    rules: ['8 stays', '4 pick'],
    file: plan,
    edits: [['return [...current, ...[...mirrored]', 'return [...[...mirrored]']],
  },
  {
    name: 'a token alone that no document names',
    rules: ['10 follows'],
    file: mirror,
    edits: [
      ["if (target.holds === 'token' && !isPointedTo(application, document)) {", "if (target.uri === '') {"],
    ],
  },
  {
    name: 'a token alone forgotten before its target has moved on',
    rules: ['10 kept'],
    file: mirror,
    edits: [
      [
        'listedEver ? leaving(application, missing(state.before, listedEver)) : []',
        'listedEver ? missing(state.before, listedEver) : []',
      ],
    ],
  },
  {
    name: 'a short list that moves no pick',
    rules: ['4 held'],
    file: mirror,
    edits: [['isHeld ? plan.meanwhile : plan.scheduled', 'isHeld ? null : plan.scheduled']],
  },
  {
    name: 'a short list that takes tokens out with the pick',
    rules: ['1 share'],
    file: plan,
    edits: [['held.ApiTokens.filter((token) => !isExcluded(token))', '[]']],
  },
  {
    name: 'steps that wait for whatever hangs',
    rules: ['5 ends'],
    file: time,
    edits: [['return within(time, deadline + graceMs, late, () => work(deadline))', 'return work(deadline)']],
  },
  {
    of: 'rotation',
    name: 'rotation: what targets name is not looked at',
    rules: ['1 in use'],
    file: rotationPlan,
    edits: [
      [
        'const pointing = targets.filter(({ pick }) => pick === old)',
        "const pointing = targets.filter(({ pick }) => pick === 'nothing')",
      ],
      [
        'const pointing = targets.find(({ pick }) => pick === old)',
        "const pointing = targets.find(({ pick }) => pick === 'nothing')",
      ],
      [
        'const pointing = input.targets.find(({ pick }) => pick === token)',
        "const pointing = input.targets.find(({ pick }) => pick === 'nothing')",
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: half of the grace',
    rules: ['1 grace'],
    file: rotationPlan,
    edits: [
      ['const graceMs = settings.graceHours * hourMs', 'const graceMs = (settings.graceHours * hourMs) / 2'],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: a run that stood still goes on',
    rules: ['3 limited', '4 intent', '6 moves'],
    file: rotation,
    edits: [['if (Math.abs(apartMs) <= toleranceMs) return', 'if (Math.abs(apartMs) >= 0) return']],
  },
  {
    of: 'rotation',
    name: 'rotation: some other token deleted',
    rules: ['2 replaced', '2 stands'],
    file: rotationPlan,
    edits: [
      [
        "    token: old,\n    before: { ...record, doing: 'delete' },",
        "    token: record.baseline.find((one) => one !== old && listed.has(one)) ?? old,\n    before: { ...record, doing: 'delete' },",
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: half of the time to warm up',
    rules: ['3 settle'],
    file: rotationPlan,
    edits: [
      [
        'const waitMs = Math.max(settings.warmSeconds, settings.settleSeconds) * secondMs\n',
        'const waitMs = (Math.max(settings.warmSeconds, settings.settleSeconds) * secondMs) / 2\n',
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: no time to warm up',
    rules: ['3 warm'],
    file: rotationPlan,
    edits: [
      [
        'const waitMs = Math.max(settings.warmSeconds, settings.settleSeconds) * secondMs\n',
        'const waitMs = 0\n',
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: no time to warm up after limits were copied',
    rules: ['3 limited'],
    file: rotationPlan,
    edits: [
      [
        'for (const since of [record.since, record.limited ?? record.since])',
        'for (const since of [record.since])',
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: promoted where a target does not hold it',
    rules: ['3 held'],
    file: rotationPlan,
    edits: [
      [
        "const lacking = targets.find(({ holds, tokens }) => holds === 'document' && !tokens.has(token))",
        "const lacking = targets.find(({ uri }) => uri === '')",
      ],
      ['documents.every((state) => tokensHeld(state)', 'documents.some((state) => tokensHeld(state)', mirror],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: created before the record says so',
    rules: ['4 intent'],
    file: rotation,
    edits: [['  await keeper.write(step.record)\n  expectAwake(run)\n', '']],
  },
  {
    of: 'rotation',
    name: 'rotation: created again where no answer came',
    rules: ['4 once'],
    file: rotation,
    edits: [
      [
        '(deadline) => deps.change.create(subAppId, deadline),',
        '(deadline) =>\n        deps.change.create(subAppId, deadline).catch(() => deps.change.create(subAppId, deadline)),',
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: one token too many',
    rules: ['5 limit'],
    file: rotationPlan,
    edits: [['listed.size >= settings.tokenLimit', 'listed.size > settings.tokenLimit']],
  },
  {
    of: 'rotation',
    name: 'rotation: created by a list that lacks what targets hold',
    rules: ['5 short'],
    file: rotationPlan,
    edits: [
      [
        'const out = targets.find(({ isInStep }) => !isInStep)',
        'const out = targets.find(({ isRead }) => !isRead)',
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: created where a target could not be read',
    rules: ['5 read'],
    file: rotationPlan,
    edits: [
      [
        'const out = targets.find(({ isInStep }) => !isInStep)',
        'const out = targets.find(({ isRead, isInStep }) => isRead && !isInStep)',
      ],
      [
        'others] = new Set(targets.map(({ pick }) => pick))',
        'others] = new Set(targets.flatMap(({ pick }) => pick ?? []))',
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: consumers moved before the record says so',
    rules: ['6 moves'],
    file: rotation,
    edits: [['  await keeper.write(step.before)\n  expectAwake(run)\n  const seen', '  const seen']],
  },
  {
    of: 'rotation',
    name: 'rotation: ExtInfo not compared',
    rules: ['7 info'],
    file: rotation,
    edits: [["isSameInfo(pair) ? [] : ['its ExtInfo']", 'isSameInfo(pair) ? [] : []']],
  },
  {
    of: 'rotation',
    name: 'rotation: text quotas not compared',
    rules: ['7 quota'],
    file: rotation,
    edits: [["quotas.old === quotas.new ? [] : ['its text quota']", 'quotas.old === quotas.new ? [] : []']],
  },
  {
    of: 'rotation',
    name: 'rotation: by the clock that says more',
    rules: ['1 grace', '8 due'],
    file: rotationPlan,
    edits: [
      [
        'return Math.min(now.own - since.own, now.tencent - since.tencent)',
        'return Math.max(now.own - since.own, now.tencent - since.tencent)',
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: by the clock of the machine alone',
    rules: ['8 due'],
    file: rotationPlan,
    edits: [
      ['return Math.min(now.own - since.own, now.tencent - since.tencent)', 'return now.own - since.own'],
    ],
  },
  {
    of: 'rotation',
    name: "rotation: by Tencent's clock alone",
    rules: ['1 grace', '8 due'],
    file: rotationPlan,
    edits: [
      [
        'return Math.min(now.own - since.own, now.tencent - since.tencent)',
        'return now.tencent - since.tencent',
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: moments to come are waited for',
    rules: ['14 ends'],
    file: rotationPlan,
    edits: [['if (!isAhead) return stamp', 'if (isAhead || !isAhead) return stamp']],
  },
  {
    of: 'rotation',
    name: 'rotation: leftovers forgotten',
    rules: ['9 named'],
    file: rotationPlan,
    edits: [['leftovers: [...others, ...added]', 'leftovers: others']],
  },
  {
    of: 'rotation',
    name: 'rotation: one look tells that no token was created',
    rules: ['9 named'],
    file: rotationPlan,
    edits: [
      [
        'others.length === 0 && !isGone(input, awaitedIn(record))',
        'others.length === 0 && listed.size === 0',
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: absences believed from any list',
    rules: ['9 named'],
    file: rotationPlan,
    edits: [[' && !isDoubtful)', ' && (isDoubtful || !isDoubtful))']],
  },
  {
    of: 'rotation',
    name: 'rotation: the record goes on although consumers were not moved',
    rules: ['10 promoted', '12 promoted'],
    file: rotation,
    edits: [['if (failure) throw failure', "if (failure?.name === '') throw failure"]],
  },
  {
    of: 'rotation',
    name: 'rotation: no record means due',
    rules: ['10 none'],
    file: rotationPlan,
    edits: [
      [
        "if (request.kind === 'now') return start(input, first)",
        "if (request.kind === 'now' || request.kind === 'next') return start(input, first)",
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: deleted without leave',
    rules: ['11 withheld'],
    file: rotationPlan,
    edits: [['  if (!settings.mayDelete) {\n', '  if (!settings.mayDelete && settings.everyDays === 0) {\n']],
  },
  {
    of: 'rotation',
    name: 'rotation: reported by another name',
    rules: ['12 record'],
    file: rotationReport,
    edits: [['Old: record?.old ?? null', 'Old: record?.new ?? null']],
  },
  {
    of: 'rotation',
    name: 'rotation: success reported although nothing was created',
    rules: ['12 created'],
    file: rotation,
    edits: [
      [
        '    await keeper.write(step.refused)\n    throw error',
        "    await keeper.write(step.refused)\n    return ''",
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: success reported although nothing was deleted',
    rules: ['12 deleted'],
    file: rotation,
    edits: [
      [
        'await keeper.write(step.refused)\n    throw error\n  }\n  return step',
        'await keeper.write(step.refused)\n  }\n  return step',
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: what is not listed counts as deleted',
    rules: ['12 deleted'],
    file: rotation,
    edits: [['  if (token === undefined)\n    return {', '  if (token === undefined)\n    return step ?? {']],
  },
  {
    of: 'rotation',
    name: 'rotation: success reported although ExtInfo was not copied',
    rules: ['12 copied'],
    file: rotation,
    edits: [['  if (!isSameInfo(pair))\n', '  if (isSameInfo(pair))\n']],
  },
  {
    of: 'rotation',
    name: 'rotation: dry runs that act',
    rules: ['13 dry'],
    file: rotation,
    edits: [['if (order.dryRun) return close(', "if (order.dryRun && step.kind === 'wait') return close("]],
  },
  {
    of: 'rotation',
    name: 'rotation: tokens in the record',
    rules: ['13 secret'],
    file: rotation,
    edits: [['const name = fingerprint(token)\n', 'const name = token\n']],
  },
  {
    of: 'rotation',
    name: 'rotation: retires for ever',
    rules: ['14 ends'],
    file: rotationPlan,
    edits: [['if (isGone(input, old)) return note(', "if (isGone(input, '')) return note("]],
  },
  {
    of: 'rotation',
    name: 'rotation: nobody is told what to delete',
    rules: ['14 ends'],
    file: rotationReport,
    edits: [['Delete: isWithheld ? record.old : null', 'Delete: isWithheld ? null : null']],
  },
  {
    of: 'rotation',
    name: 'rotation: no abort while it warms up',
    rules: ['15 abort'],
    file: rotationPlan,
    edits: [
      [
        '    return giveUp(input, [token], aborted)\n  }\n',
        "    return { kind: 'wait', reason: 'it goes on' }\n  }\n",
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: no abort while a token is awaited',
    rules: ['15 abort'],
    file: rotationPlan,
    edits: [
      ["    request.kind === 'abort'\n      ? note(", "    request.kind === 'rollback'\n      ? note("],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: no abort after the promotion',
    rules: ['15 abort'],
    file: rotationPlan,
    edits: [
      [
        "if (request.kind === 'abort')\n    return note(",
        "if (request.kind === 'rollback')\n    return note(",
      ],
    ],
  },
  {
    of: 'rotation',
    name: 'rotation: no way back',
    rules: ['15 back'],
    file: rotationPlan,
    edits: [
      ["if (request.kind !== 'rollback' && record.doing !== 'rollback') return null", 'if (old) return null'],
    ],
  },
]

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Its files, broken, by path. Rejects where a piece is not there, or twice. */
export async function applyMutation({ file, edits }: Mutation): Promise<Map<string, string>> {
  const broken = new Map<string, string>()
  for (const [from, to, where = file] of edits) {
    const source = broken.get(where) ?? (await readFile(join(root, where), 'utf8'))
    if (source.split(from).length !== 2) throw new Error(`Mutating ${where}: not there, or twice: ${from}`)
    broken.set(
      where,
      source.replace(from, () => to),
    )
  }
  return broken
}

/** Tells in which seed each rule notices, and gives how many notice in none. */
async function run(seeds: number, wanted: string): Promise<number> {
  let unseen = 0
  for (const mutation of mutations.filter(({ name }) => name.includes(wanted))) {
    const { name, rules, of } = mutation
    const copy = await mkdtemp(join(tmpdir(), 'mutant-'))
    try {
      for (const folder of ['handlers', 'lib', 'test/simulation', 'test/support', 'simulator'])
        await cp(join(root, folder), join(copy, folder), { recursive: true })
      await writeFile(join(copy, 'package.json'), '{"type":"module"}')
      for (const [path, source] of await applyMutation(mutation)) await writeFile(join(copy, path), source)
      const story = of === 'rotation' ? 'rotation-story.ts' : 'scenario.ts'
      const { simulate }: Pick<typeof import('./scenario.ts'), 'simulate'> = await import(
        pathToFileURL(join(copy, 'test/simulation', story)).href
      )
      for (const rule of rules) {
        let seed = 1
        while (seed <= seeds && !(await simulate(seed, { rule })).violation) seed++
        if (seed > seeds) unseen++
        process.stdout.write(`${name} | ${rule} | ${seed > seeds ? 'NOT SEEN' : seed}\n`)
      }
    } finally {
      await rm(copy, { recursive: true, force: true })
    }
  }
  return unseen
}

// Not where a test asks for the list alone.
if (process.argv[1] === fileURLToPath(import.meta.url))
  process.exitCode = (await run(Number(process.argv[2] ?? 5000), process.argv[3] ?? '')) > 0 ? 1 : 0
