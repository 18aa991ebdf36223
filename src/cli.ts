#!/usr/bin/env node
/** The command line: finds the command, runs it, turns failures into messages and exit codes. */
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArguments } from './cli/arguments.js'
import { batch } from './cli/batch.js'
import type { Command, Invocation, Shell } from './cli/command.js'
import { doctor } from './cli/doctor.js'
import { evaluate } from './cli/evaluate.js'
import { faces } from './cli/faces.js'
import { tell, withResume } from './cli/failure.js'
import { generate } from './cli/generate.js'
import { head } from './cli/head.js'
import { commandHelp, overview } from './cli/help.js'
import { runProcess } from './cli/process.js'
import { reconstruct } from './cli/reconstruct.js'
import { serve } from './cli/serve.js'
import { settings } from './cli/settings.js'
import { worker } from './cli/worker.js'
import { SiderError } from './engine/errors.js'
import { nearestName } from './engine/nearest-name.js'
import { assertAddressSpace } from './engine/system/memory.js'
import { VERSION } from './engine/system/version.js'

export const COMMANDS: Command[] = [
  reconstruct,
  batch,
  serve,
  worker,
  faces,
  head,
  generate,
  evaluate,
  settings,
  doctor,
]

/**
 * Runs one command line.
 *
 * @returns the exit status (ERRORS); 1 for a fault of the program itself
 */
export async function main(shell: Shell): Promise<number> {
  const [name = 'help', ...args] = shell.argv
  try {
    if (name === '--version' || name === '-V') shell.stdout.write(`${VERSION}\n`)
    else if (['help', '--help', '-h'].includes(name) && args.length === 0) shell.stdout.write(overview(COMMANDS))
    else if (name === 'help') shell.stdout.write(commandHelp(findCommand(args[0])))
    else {
      const command = findCommand(name)
      const { positionals, options } = parseArguments(command, args)
      if (options.has('help')) shell.stdout.write(commandHelp(command))
      else return await run(command, { positionals, options, shell })
    }
    return 0
  } catch (error) {
    return tell(error, shell)
  }
}

/** Runs a command here, or in a process of its own. A second Ctrl-C leaves at once, with the last line that a stop has. */
async function run(command: Command, invocation: Invocation): Promise<number> {
  const { shell } = invocation
  try {
    const where = command.works?.(invocation.options)
    if (where === 'here' || where === 'in workers') assertAddressSpace()
    if (where && where !== 'in workers' && shell.delegate) return await shell.delegate(command.noisy)
    let asked = 0
    const ignoreInterrupts = shell.onInterrupt(() => {
      if (++asked < 2) return
      const stopped = new SiderError('CANCELLED', 'the run was stopped')
      shell.exit(tell(withResume(stopped, command, invocation), shell))
    })
    await command.run(invocation).finally(ignoreInterrupts)
    return 0
  } catch (error) {
    return tell(withResume(error, command, invocation), shell)
  }
}

function findCommand(name: string): Command {
  const command = COMMANDS.find((candidate) => candidate.name === name)
  if (command) return command
  const nearest = nearestName(
    name,
    COMMANDS.map((candidate) => candidate.name),
  )
  throw new SiderError('USAGE', `unknown command '${name}'`, {
    hint: nearest ? `Did you mean: sider ${nearest}?` : 'See: sider help',
  })
}

const script = process.argv[1]
if (script && realpathSync(script) === fileURLToPath(import.meta.url)) await runProcess(script, main)
