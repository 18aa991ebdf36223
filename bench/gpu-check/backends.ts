/** Which backends work here, as one line of JSON. */
import { describeBackends } from '../../src/engine/compute/index.js'

console.log(JSON.stringify(await describeBackends()))
// Dawn keeps threads alive.
process.exit(0)
