/** A server with scripted workers as a process of its own, to be killed: node scripted-server.mjs DATA_FOLDER [PORT] [OPTIONS(JSON)] */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServer } from '../../dist/rpc/server.js'

const dataFolder = process.argv[2]
const server = await startServer({
  dataFolder,
  tokenFile: join(dataFolder, 'token'),
  port: Number(process.argv[3] ?? 0),
  maxRunning: 2,
  workerProgram: fileURLToPath(new URL('../jobs/scripted-worker.mjs', import.meta.url)),
  ...JSON.parse(process.argv[4] ?? '{}'),
})
process.stdout.write(`${JSON.stringify({ url: server.url })}\n`)
process.on('SIGTERM', async () => {
  await server.close()
  process.exit(0)
})
