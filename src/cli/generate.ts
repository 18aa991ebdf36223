/** `sider generate`: portraits with exact ground truth, for `sider evaluate`. */
import { SiderError } from '../engine/errors.js'
import { prepareOutputFolder } from '../engine/files.js'
import type { Command } from './command.js'

export const generate: Command = {
  name: 'generate',
  summary: 'render portraits of made-up people with exact ground truth, to measure against',
  usage: '-o <dir> [options]',
  works: () => 'here',
  positionals: [],
  options: {
    output: { short: 'o', value: 'DIR', description: 'folder of the set; evaluate reads it' },
    count: { short: 'n', value: 'N', description: 'how many portraits (default 8)' },
    seed: { value: 'S', description: 'seed of the first one; the others follow (default 1). Same seed, same files' },
    size: { value: 'PIXELS', description: 'side of the photos (default 1024)' },
    force: { description: 'write into a folder that holds files of something else' },
    quiet: { short: 'q', description: 'no progress' },
  },
  examples: [
    ['sider generate -o truth --count 8', 'eight people, each with another face, lens, light and skin'],
    ['sider evaluate truth -r out --reconstruct', 'reconstruct and measure them'],
  ],
  async run({ options, shell }) {
    const output = options.text('output')
    if (!output) throw new SiderError('USAGE', 'the output folder is missing', { hint: 'For example: -o truth' })
    const whole = (name: string, usual: number, low: number, high: number): number => {
      const value = Number(options.text(name) ?? usual)
      if (Number.isInteger(value) && value >= low && value <= high) return value
      throw new SiderError(
        'USAGE',
        `--${name} is '${options.text(name)}', but must be a whole number, ${low} to ${high}`,
        {
          hint: 'See: sider generate --help',
        },
      )
    }
    const [count, seed] = [whole('count', 8, 1, 10_000), whole('seed', 1, 0, 2 ** 31)]
    const size = whole('size', 1024, 128, 4096)
    const engine = await shell.engine()
    await prepareOutputFolder(output, { force: options.has('force') })
    const stop = new AbortController()
    const ignoreInterrupts = shell.onInterrupt(() => stop.abort())
    const json = options.has('json')
    try {
      const cases = await engine.generateSet({
        count,
        seed,
        size,
        output,
        signal: stop.signal,
        onPortrait: (name, done) => {
          if (options.has('quiet')) return
          if (json) shell.stdout.write(`${JSON.stringify({ event: 'portrait', case: name, done, all: count })}\n`)
          else shell.stderr.write(`${done}/${count} ${name}\n`)
        },
      })
      if (json) shell.stdout.write(`${JSON.stringify({ event: 'result', folder: output, cases })}\n`)
      else
        shell.stdout.write(
          `${cases.length} portraits in ${output}; measure with: sider evaluate ${output} -r out --reconstruct\n`,
        )
    } finally {
      ignoreInterrupts()
    }
  },
}
