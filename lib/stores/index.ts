/** The kinds of stores there are, and how a target's store is opened. */
import { awsParameterStore } from './aws-parameter-store.ts'
import { awsSecretsManager } from './aws-secretsmanager.ts'
import { parseDocument } from './document.ts'
import { file } from './file.ts'
import { parseRecord } from './record.ts'
import { type Store, type StoreDependencies, type StoreKind, type Target, valuesIn } from './store.ts'
import { tencentSsm } from './tencent-ssm.ts'

/**
 * The registry: a target URI's scheme -> the kind of store. To add a kind, add its file and its line here; the
 * contract suite then asks for a harness. Ask `Object.hasOwn` before looking up a scheme that a user wrote.
 */
export const storeKinds: Readonly<Record<string, StoreKind>> = {
  'aws-secretsmanager': awsSecretsManager,
  'aws-parameter-store': awsParameterStore,
  'tencent-ssm': tencentSsm,
  file,
}

/** What hears of every value that a store gives, before anybody else does. */
export interface Told {
  addSecrets(secrets: readonly string[]): void
  /** Of values of others that stand where a document of ours should be. */
  addForeign(values: readonly string[]): void
}

/**
 * Opens a target's store, which tells what it reads: of a document the tokens, of a token that, of a record nothing, for it holds
 * no secret, of another value the whole.
 */
export function openStore(target: Target, deps: StoreDependencies, { addSecrets, addForeign }: Told): Store {
  const kind = Object.hasOwn(storeKinds, target.scheme) ? storeKinds[target.scheme] : undefined
  if (!kind) throw new Error(`no store for ${target.scheme}`)
  const store = kind.open(target, deps)
  return {
    ...store,
    async read(deadline) {
      const reading = await store.read(deadline)
      for (const value of valuesIn(reading)) {
        const tokens = parseDocument(value)?.ApiTokens
        if (tokens) addSecrets(tokens)
        else if (target.holds === 'record' && parseRecord(value)) continue
        // It may be a word that lines of ours hold, too; no error quotes what is that short.
        else if (value.length > 20) (target.holds === 'token' ? addSecrets : addForeign)([value])
      }
      return reading
    },
  }
}
