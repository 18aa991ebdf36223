/** `sider worker`: works on the jobs of a queue that several machines share. */
import { join } from 'node:path'
import { SiderError } from '../engine/errors.js'
import { defaultDataFolder } from '../engine/system/data-folder.js'
import type { Command } from './command.js'
import { number } from './serve.js'
import { METRICS_OPTION, metricsAddress, SHARED_OPTIONS, sharedAddresses } from './shared-options.js'

export const worker: Command = {
  name: 'worker',
  summary: 'work on the jobs of a queue that several machines share',
  usage: '--queue <url> --storage <url> [options]',
  works: () => 'in workers',
  positionals: [],
  options: {
    ...SHARED_OPTIONS,
    ...METRICS_OPTION,
    concurrency: { value: 'N', description: 'jobs at once (default 1)' },
    data: { value: 'DIR', description: 'folder for what is at work (default ~/.local/share/sider/worker)' },
  },
  examples: [
    ['sider worker --queue redis://localhost:6379 --storage file:///mnt/faces', 'one job at a time'],
    ['sider worker --queue rediss://queue:6380 --storage s3://faces/jobs --concurrency 4', 'with TLS, four at once'],
  ],
  async run({ options, shell }) {
    const asked = new Promise<void>((resolve) => shell.onInterrupt(resolve))
    const addresses = sharedAddresses(options)
    if (!addresses) {
      throw new SiderError('USAGE', 'a worker needs a queue and a storage', {
        hint: { cli: 'Give --queue and --storage; see docs/scaling.md.' },
      })
    }
    const address = metricsAddress(options)
    const [{ QueueWorker, WORKER_DEFAULTS }, { Log }, { startMetricsServer }] = await Promise.all([
      import('../jobs/shared/worker.js'),
      import('../jobs/log.js'),
      import('../rpc/metrics-server.js'),
    ])
    const log = new Log((line) => shell.stderr.write(line))
    const dataFolder = options.text('data') ?? join(defaultDataFolder(), 'worker')
    const concurrency = number(options, 'concurrency') ?? WORKER_DEFAULTS.concurrency
    const running = await QueueWorker.start({ ...WORKER_DEFAULTS, ...addresses, dataFolder, concurrency }, log)
    const metrics =
      address &&
      (await startMetricsServer(address, () => running.metricsText()).catch(async (error) => {
        await running.stop()
        throw error
      }))
    const text = options.has('json')
      ? JSON.stringify({ event: 'working', concurrency, metrics: metrics?.url })
      : `Working on ${concurrency === 1 ? 'one job' : `${concurrency} jobs`} at a time. Ctrl-C saves checkpoints, hands jobs back and stops.`
    shell.stdout.write(`${text}\n`)
    await asked
    await running.stop()
    await metrics?.close()
    shell.exit(0)
  },
}
