import { awsSecretsManager } from './aws-secretsmanager.ts'
import { file } from './file.ts'
import type { StoreKind } from './store.ts'
import { tencentSsm } from './tencent-ssm.ts'

/**
 * The registry: a target URI's scheme -> the kind of store. To add a kind, add its file and its line here; the
 * contract suite then asks for a harness. Ask `Object.hasOwn` before looking up a scheme that a user wrote.
 */
export const storeKinds: Readonly<Record<string, StoreKind>> = {
  'aws-secretsmanager': awsSecretsManager,
  'tencent-ssm': tencentSsm,
  file,
}
