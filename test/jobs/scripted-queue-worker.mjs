/** A worker of a shared queue with scripted runs as a process of its own, to be killed: node scripted-queue-worker.mjs OPTIONS(JSON) */
import { fileURLToPath } from 'node:url'
import { Log } from '../../dist/jobs/log.js'
import { QueueWorker, WORKER_DEFAULTS } from '../../dist/jobs/shared/worker.js'

const log = new Log((line) => process.stderr.write(line))
const workerProgram = fileURLToPath(new URL('./scripted-worker.mjs', import.meta.url))
const worker = await QueueWorker.start({ ...WORKER_DEFAULTS, workerProgram, ...JSON.parse(process.argv[2]) }, log)
process.stdout.write('{}\n')
process.on('SIGTERM', async () => {
  await worker.stop()
  process.exit(0)
})
