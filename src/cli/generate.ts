/** `sider generate`: portraits with exact ground truth, for `sider evaluate`. */
import { SiderError } from '../engine/errors.js'
import { prepareOutputFolder } from '../engine/system/files.js'
import type { Command } from './command.js'
import { interruptible } from './interrupt.js'
import { needed } from './run-options.js'

export const generate: Command = {
  name: 'generate',
  summary: 'render portraits of made-up people with exact ground truth, to measure against',
  usage: '-o <dir> [options]',
  works: () => 'here',
  positionals: [],
  options: {
    output: { short: 'o', value: 'DIR', description: 'folder of the set; evaluate reads it' },
    count: { short: 'n', value: 'N', description: 'how many people (default 8)' },
    seed: { value: 'S', description: 'seed of the first one; the others follow (default 1). Same seed, same files' },
    expressions: {
      short: 'e',
      value: 'RANGE',
      description:
        'rest, mild (default: shut mouths, open eyes) or strong (open mouths, shut eyes, grimaces); of several, as mild,strong, views take turns',
    },
    views: {
      value: 'N',
      description: 'photos of each person, with other expressions, lenses, poses and light (default 1)',
    },
    size: { value: 'PIXELS', description: 'side of the photos (default 1024)' },
    force: { description: 'write into a folder that holds files of something else' },
    quiet: { short: 'q', description: 'no progress' },
  },
  examples: [
    ['sider generate -o truth --count 8', 'eight people, each with another face, lens, light and skin'],
    ['sider generate -o strong --expressions strong --seed 100', 'open mouths, shut eyes, grimaces'],
    ['sider generate -o views --views 3 -e mild,strong', 'three photos of each person, to see whether results agree'],
    ['sider evaluate truth -r out --reconstruct', 'reconstruct and measure them'],
  ],
  async run({ options, shell }) {
    const output = needed(options, 'output', 'the output folder', '-o truth')
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
    const views = whole('views', 1, 1, 100)
    const expressions = options.text('expressions')?.split(',').map(range)
    const engine = await shell.engine()
    await prepareOutputFolder(output, { force: options.has('force') })
    const json = options.has('json')
    const cases = await interruptible(shell, (signal) =>
      engine.generateSet({
        count,
        seed,
        views,
        expressions,
        size,
        output,
        signal,
        onPortrait: (name, done, all) => {
          if (options.has('quiet')) return
          if (json) shell.stdout.write(`${JSON.stringify({ event: 'portrait', case: name, done, all })}\n`)
          else shell.stderr.write(`${done}/${all} ${name}\n`)
        },
      }),
    )
    if (json) shell.stdout.write(`${JSON.stringify({ event: 'result', folder: output, cases })}\n`)
    else
      shell.stdout.write(
        `${cases.length} portraits in ${output}; measure with: sider evaluate ${output} -r out --reconstruct\n`,
      )
  },
}

const RANGES = ['rest', 'mild', 'strong'] as const

function range(given: string): (typeof RANGES)[number] {
  const found = RANGES.find((one) => one === given)
  if (found) return found
  throw new SiderError('USAGE', `--expressions is '${given}', but must be one or several of ${RANGES.join(', ')}`, {
    hint: 'For example: --expressions strong, or --expressions mild,strong',
  })
}
