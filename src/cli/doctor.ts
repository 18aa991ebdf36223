/** `sider doctor`: what this machine can do, what `--backend auto` would choose, and where the Blender add-on lies. */
import { existsSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { VERSION } from '../engine/version.js'
import type { Command } from './command.js'
import { columns } from './help.js'

/** The add-on's zip as the npm package brings it; a clone has none until it is made. */
const ADD_ON = fileURLToPath(new URL(`../blender/sider-blender-${VERSION}.zip`, import.meta.url))

export const doctor: Command = {
  name: 'doctor',
  summary: 'say which compute backends work here, which one is chosen, and where the Blender add-on is',
  usage: '[options]',
  works: () => 'here',
  positionals: [],
  options: {},
  examples: [
    ['sider doctor', 'look at this machine'],
    ['sider doctor --json', 'for programs, or to attach to a report of a problem'],
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
    if (options.has('json')) {
      shell.stdout.write(`${JSON.stringify({ event: 'result', machine, backends, chosen, why, addOn })}\n`)
      return
    }
    const rows = backends.map(({ name, available, reason, device }): [string, string] => [
      `${available ? '✓' : '✗'} ${name}`,
      device ? `${reason} (${device})` : reason,
    ])
    const facts = Object.entries(machine).map(([name, value]): [string, string] => [name, String(value)])
    const text = ['Machine:', ...columns(facts), '', 'Backends:', ...columns(rows), '', `auto takes ${chosen}: ${why}`]
    text.push('', `Blender add-on: ${addOn ?? 'not made yet: npm run package:blender'}`)
    shell.stdout.write(`${text.join('\n')}\n`)
  },
}
