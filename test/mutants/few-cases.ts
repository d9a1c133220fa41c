/** A property is shown in few cases: each of thousands of mutants meets it. */
import fc from 'fast-check'

fc.configureGlobal({ ...fc.readConfigureGlobal(), numRuns: 20 })
