/** `sider doctor`: what this machine can do, which backend is chosen, where the Blender add-on lies, what a server has put aside. */
import { existsSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { SiderError } from '../engine/errors.js'
import { VERSION } from '../engine/system/version.js'
import type { Quarantined } from '../jobs/quarantine.js'
import type { Command } from './command.js'
import { columns } from './help.js'

/** The add-on's zip as the npm package brings it; a clone has none until it is made. */
const ADD_ON = fileURLToPath(new URL(`../blender/sider-blender-${VERSION}.zip`, import.meta.url))

export const doctor: Command = {
  name: 'doctor',
  summary: 'say which compute backends work here, which one is chosen, and where the Blender add-on is',
  usage: '[options]',
  works: () => 'here',
  noisy: true,
  positionals: [],
  options: {
    data: { value: 'DIR', description: "a server's data folder: lists what it could not read and put into quarantine" },
  },
  examples: [
    ['sider doctor', 'look at this machine'],
    ['sider doctor --json', 'for programs, or to attach to a report of a problem'],
    ['sider doctor --data ~/.local/share/sider', 'what a server found damaged in its data folder, and kept'],
  ],
  async run({ options, shell }) {
    const engine = await shell.engine()
    const { backends, chosen, why } = await engine.describeBackends()
    const addOn = existsSync(ADD_ON) ? ADD_ON : undefined
    const machine = {
      sider: VERSION,
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    }
    const data = options.text('data')
    const quarantine = data === undefined ? undefined : await readQuarantine(data)
    if (options.has('json')) {
      shell.stdout.write(`${JSON.stringify({ event: 'result', machine, backends, chosen, why, addOn, quarantine })}\n`)
      return
    }
    const rows = backends.map(({ name, available, reason, device }): [string, string] => [
      `${available ? '✓' : '✗'} ${name}`,
      device ? `${reason} (${device})` : reason,
    ])
    const facts = Object.entries(machine).map(([name, value]): [string, string] => [name, String(value)])
    const text = ['Machine:', ...columns(facts), '', 'Backends:', ...columns(rows), '', `auto takes ${chosen}: ${why}`]
    text.push('', `Blender add-on: ${addOn ?? 'not made yet: npm run package:blender'}`)
    if (quarantine) text.push('', ...listing(quarantine))
    shell.stdout.write(`${text.join('\n')}\n`)
  },
}

/** @throws SiderError USAGE if there is no such folder */
async function readQuarantine(data: string): Promise<Quarantined[]> {
  if (!existsSync(data)) {
    throw new SiderError('USAGE', `there is no folder ${data}`, {
      hint: 'Name the folder that sider serve --data has.',
    })
  }
  const { listQuarantine } = await import('../jobs/quarantine.js')
  return listQuarantine(data)
}

function listing(quarantine: Quarantined[]): string[] {
  if (quarantine.length === 0) return ['Quarantine: empty']
  const rows = quarantine.map(({ from, time, why, path }): [string, string] => [from, `${time} ${why}; now ${path}`])
  return ['Quarantine (nothing in it is deleted; move back what is good, delete what is not):', ...columns(rows)]
}
