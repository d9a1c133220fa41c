/**
 * The CloudFormation template that the Serverless CLI makes, by subject: one file of tests, so that it is packaged once. Run one
 * with `npx vitest run test/commands/template.test.ts -t roles`.
 */
import './template/alarms.ts'
import './template/api.ts'
import './template/cli.ts'
import './template/functions.ts'
import './template/keyless.ts'
import './template/pages.ts'
import './template/release.ts'
import './template/policies.ts'
import './template/restart.ts'
import './template/ring.ts'
import './template/roles.ts'
import './template/schedule.ts'
import './template/secrets.ts'
